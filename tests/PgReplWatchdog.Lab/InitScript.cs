namespace PgReplWatchdog.Lab;

/// <summary>The program that is process 1 of each host, so to speak.</summary>
/// <remarks>
/// PostgreSQL and whatever is started over SSH become orphans, and orphans go to the machine's process 1. In containers
/// and micro-VMs that one reaps late (about 1.8 s where this was written) or never, and as long as a zombie is there,
/// PostgreSQL takes its old postmaster.pid for a running server and refuses to start. Therefore each host has a
/// "child subreaper" that inherits the host's orphans and reaps them at once, as a real machine's init does. It needs no
/// root, and makes "all processes of the host" a well-defined thing: everything below it. Perl because it can call prctl
/// and is on every Debian (perl-base); all jobs of a host are started by it, so they are below it and in its namespace.
/// Protocol: "run N" and "kill N" on standard input, "ready" and "done N STATUS" on standard output; N.sh, N.in, N.out
/// and N.err in the jobs directory.
/// </remarks>
internal static class InitScript
{
    public const string Text =
        """
        use strict; use warnings; use POSIX ();
        my ($jobs) = @ARGV;
        my %prctl = (x86_64 => 157, aarch64 => 167);
        my $call = $prctl{(POSIX::uname())[4]} or die "which number has prctl here?\n";
        syscall($call, 36, 1, 0, 0, 0) == 0 or die "PR_SET_CHILD_SUBREAPER: $!\n";
        delete $ENV{PGWATCHDOG_INIT};
        chdir $jobs or die "$jobs: $!\n";
        open STDERR, '>>', 'init.log' or die "init.log: $!\n";

        my ($ended, $open, $buffer) = (0, 1, '');
        my (%number, %pid, %reaped);
        pipe my $awake, my $wake or die "pipe: $!\n";
        $SIG{CHLD} = sub { syswrite $wake, '.' };
        $SIG{TERM} = sub { $ended = 1; syswrite $wake, '.' };
        $SIG{INT} = $SIG{HUP} = $SIG{PIPE} = 'IGNORE';

        sub run {
            my ($n) = @_;
            my $child = fork;
            defined $child or die "fork: $!\n";
            # Whichever comes first, so that "kill" finds the group.
            setpgrp $child, 0;
            if ($child) { $pid{$n} = $child; $number{$child} = $n; return }
            $SIG{$_} = 'DEFAULT' for qw(CHLD TERM INT HUP PIPE);
            open STDIN, '<', "$n.in" or die "$n.in: $!\n";
            open STDOUT, '>', "$n.out" or die "$n.out: $!\n";
            open STDERR, '>', "$n.err" or die "$n.err: $!\n";
            exec '/bin/bash', "$n.sh" or POSIX::_exit(127);
        }

        sub reap {
            while ((my $child = waitpid -1, POSIX::WNOHANG()) > 0) {
                $reaped{$child} = 1;
                my $n = delete $number{$child} or next;
                delete $pid{$n};
                my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
                syswrite STDOUT, "done $n $status\n";
            }
        }

        # A killed postmaster leaves its interlock, a System V memory segment of 56 bytes, which outlives everything else.
        sub forget_shared_memory {
            open my $table, '<', '/proc/sysvipc/shm' or return;
            while (<$table>) {
                my (undef, $id, undef, undef, $creator, undef, $attached) = split;
                shmctl $id, 0, 0 if $reaped{$creator} && !$attached;
            }
        }

        syswrite STDOUT, "ready\n";
        until ($ended) {
            my $ready = '';
            vec($ready, fileno($awake), 1) = 1;
            vec($ready, fileno(STDIN), 1) = 1 if $open;
            my $count = select $ready, undef, undef, 1;
            reap();
            next if $count <= 0;
            sysread $awake, my $dots, 4096 if vec($ready, fileno($awake), 1);
            next unless $open && vec($ready, fileno(STDIN), 1);
            # The end of the input is the end of the lab, but the reaper is the one to tidy up.
            sysread STDIN, $buffer, 4096, length $buffer or $open = 0;
            while ($buffer =~ s/^(\w+) (\d+)\n//) {
                if ($1 eq 'run') { run($2) }
                elsif ($pid{$2}) { kill KILL => -$pid{$2} }
            }
        }
        reap();
        forget_shared_memory();
        """;
}
