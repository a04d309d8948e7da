namespace PgReplWatchdog.Lab;

/// <summary>The program of <see cref="PinnedWriter"/>: one row after the other through a psql that is kept open.</summary>
/// <remarks>
/// psql prints the row's number when it is committed, and ends on the first error; then there is another one a moment later. A line of the account:
/// when the row was sent, when it was acknowledged (CLOCK_MONOTONIC, nanoseconds), its number. Numbers are never used twice: an attempt that was
/// not acknowledged may have been committed. Perl's clock module is not in perl-base, hence the system call.
/// </remarks>
internal static class PinnedWriterScript
{
    public const string Text =
        """
        use strict; use warnings; use IPC::Open2; use POSIX ();
        my ($account, $client, $first, $step, $delay, @psql) = @ARGV;
        my %clock_gettime = (x86_64 => 228, aarch64 => 113);
        my $call = $clock_gettime{(POSIX::uname())[4]} or die "which number has clock_gettime here?\n";
        sub now {
            my $time = pack 'qq', 0, 0;
            syscall($call, 1, $time) == 0 or die "clock_gettime: $!\n";
            my ($seconds, $nanoseconds) = unpack 'qq', $time;
            return $seconds * 1_000_000_000 + $nanoseconds;
        }
        $SIG{PIPE} = 'IGNORE';
        # What a writer before this one may have tried without an acknowledgement lies well below the time.
        my $id = int(now() / 1_000_000_000) * 1_000_000 * $step + $first;
        open my $log, '>>', $account or die "$account: $!\n";
        open STDERR, '>', '/dev/null';
        while (1) {
            my $pid = open2(my $answers, my $questions, @psql);
            while (1) {
                $id += $step;
                my $begun = now();
                syswrite $questions, "INSERT INTO deed (client, id) VALUES ('$client', $id) RETURNING id;\n" or last;
                my $answer = <$answers>;
                last unless defined $answer && $answer eq "$id\n";
                syswrite $log, "$begun " . now() . " $id\n";
                select undef, undef, undef, $delay if $delay;
            }
            close $questions;
            close $answers;
            waitpid $pid, 0;
            select undef, undef, undef, 0.1;
        }
        """;
}
