using CsCheck;

namespace PgReplWatchdog.Core.Tests.Properties;

/// <summary>CsCheck with the same samples in every run: a red build is red again when it is repeated.</summary>
internal static class Seeded
{
    private const uint Stream = 1;
    private const ulong Seed = 20260101;
    private const int ShrinkIterations = 2000;

    /// <summary>Calls the assertion with each sample. One that fails is handed to CsCheck, which looks for a smaller one and prints its seed.</summary>
    public static void Hold<T>(this Gen<T> gen, int samples, Action<T> assertion, Func<T, string>? print = null)
    {
        var pcg = new PCG(Stream, Seed);
        for (var sample = 0; sample < samples; sample++)
        {
            var seed = pcg.ToString();
            var value = gen.Generate(pcg, null, out _);
            try
            {
                assertion(value);
            }
            catch (Exception)
            {
                gen.Sample(assertion, seed: seed, iter: ShrinkIterations, threads: 1, print: print);
                throw;
            }
        }
    }
}
