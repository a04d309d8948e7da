using Xunit.Sdk;
using Xunit.v3;

// One lab at a time: two of them on two cores turn deadlines into noise.
[assembly: Parallelization(Mode = ParallelMode.None)]
