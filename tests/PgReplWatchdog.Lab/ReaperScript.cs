namespace PgReplWatchdog.Lab;

/// <summary>The program that tidies up after a lab, however the lab's process ended.</summary>
/// <remarks>
/// It waits for the end of its standard input, which comes when the lab is disposed of and also when its process dies.
/// What belongs to the lab is known by PGWATCHDOG_LAB in the environment, or by descent from such a process (PostgreSQL's
/// children overwrite their environment with their title), or by the namespace; never by name. The hosts' inits
/// go last, because they are what the orphans hang on.
/// </remarks>
internal static class ReaperScript
{
    public const string Text =
        """
        use strict; use warnings;
        my ($id, $root, $keep, $links, $namespaces) = @ARGV;
        $SIG{$_} = 'IGNORE' for qw(HUP INT TERM PIPE QUIT);
        $0 = "pgwatchdog-lab reaper $id";
        chdir '/';
        $| = 1;
        umask 022;
        mkdir $root, 0755 or exit 1;
        print "claimed\n";
        while (1) {
            my $count = sysread STDIN, my $ignored, 4096;
            last if defined $count ? !$count : !$!{EINTR};
        }

        sub slurp { open my $file, '<', $_[0] or return ''; local $/; my $text = <$file>; defined $text ? $text : '' }

        # Process number => whether it is an init.
        sub members {
            my (%parent, %member);
            for my $pid (map { m{/(\d+)$} } glob '/proc/[0-9]*') {
                slurp("/proc/$pid/stat") =~ /.*\) (\S) (\d+)/s or next;
                next if $1 eq 'Z' || $1 eq 'X';
                $parent{$pid} = $2;
                my %env = map { $_ => 1 } split /\0/, slurp("/proc/$pid/environ");
                $member{$pid} = $env{'PGWATCHDOG_INIT=1'} ? 1 : 0 if $env{"PGWATCHDOG_LAB=$id"};
            }
            for my $name (grep { -e "/run/netns/$_" } split /,/, $namespaces) {
                $member{$_} ||= 0 for split ' ', `ip netns pids $name`;
            }
            my $more = 1;
            while ($more) {
                $more = 0;
                for my $pid (grep { !exists $member{$_} && exists $member{$parent{$_}} } keys %parent) {
                    $member{$pid} = 0;
                    $more = 1;
                }
            }
            delete $member{$$};
            return %member;
        }

        # initdb's servers have their shared memory here whatever we configure, and leave it behind when they are killed.
        my %memory;
        sub note_memory {
            my $maps = slurp("/proc/$_[0]/maps");
            $memory{$_} = 1 for $maps =~ m{ (/dev/shm/PostgreSQL\.\d+)$}mg;
        }

        sub end {
            my ($signal, $init, $rounds) = @_;
            while ($rounds-- > 0) {
                my %member = members();
                my @left = grep { $member{$_} == $init } keys %member or return;
                kill STOP => @left if $signal eq 'KILL';
                note_memory($_) for @left;
                kill $signal, @left;
                select undef, undef, undef, 0.02;
            }
        }

        # Who writes to a frozen filesystem cannot die.
        system("fsfreeze -u '$_' 2>/dev/null") for grep { index($_, "$root/") == 0 } map { (split)[1] } split /\n/, slurp('/proc/self/mounts');

        end('KILL', 0, 500);
        end('TERM', 1, 100);
        end('KILL', 1, 100);
        unlink keys %memory;
        my %left = members();
        print "process $_ would not die\n" for keys %left;

        for my $mount (reverse grep { index($_, "$root/") == 0 } map { (split)[1] } split /\n/, slurp('/proc/self/mounts')) {
            system('umount', $mount) == 0 or print "$mount could not be unmounted\n";
        }

        my $ip = -x '/usr/sbin/ip' ? '/usr/sbin/ip' : '/sbin/ip';
        for my $link (grep { -e "/sys/class/net/$_" } split /,/, $links) {
            system($ip, 'link', 'del', $link) == 0 or print "interface $link could not be deleted\n";
        }
        for my $name (grep { -e "/run/netns/$_" } split /,/, $namespaces) {
            system($ip, 'netns', 'del', $name) == 0 or print "namespace $name could not be deleted\n";
        }
        # Those of whole hosts are called as their namespaces.
        for my $hierarchy (map { (split)[1] } grep { (split)[2] =~ /^cgroup2?$/ } split /\n/, slurp('/proc/self/mounts')) {
            for my $group (grep { -d } map { "$hierarchy/$_" } split /,/, $namespaces) {
                system('find', $group, '-depth', '-type', 'd', '-delete') == 0 or print "control group $group could not be removed\n";
            }
        }
        if (!$keep && $root =~ m{^/(?:dev/shm|tmp)/pgw\d+$}) {
            system('rm', '-rf', '--', $root) == 0 or print "$root could not be deleted\n";
        }
        """;
}
