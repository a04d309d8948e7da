using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Each setting right in itself, and wrong beside another.</summary>
public sealed class SettingsThatDoNotGoTogether(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    [Fact]
    public async Task A_single_node_is_too_few()
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes",
            """[{ "Name": "alpha", "Host": "192.0.2.1", "HostKeyFingerprints": ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] }]"""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:Nodes is a list of 1; give at least two nodes, a primary and a standby").InOneLine();
    }

    [Fact]
    public async Task A_duplicate_node_is_named_with_its_place()
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:1:Name", "\"alpha\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:Nodes: 2 entries have Name alpha; each must have its own").InOneLine();
    }

    [Fact]
    public async Task Two_node_names_that_make_one_slot_name_are_named()
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:0:Name", "\"db-1\""), ("Clusters:0:Nodes:1:Name", "\"db_1\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:Nodes", "db_1", "slot name").InOneLine();
    }

    [Fact]
    public async Task A_duplicate_address_is_named()
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:1:Host", "\"192.0.2.1\""));
        result.Says(ExitCode.Configuration, "2 entries have Host and Port 192.0.2.1:5432; each must have its own");
    }

    [Fact]
    public async Task A_server_that_belongs_to_two_clusters_is_named()
    {
        var result = await folder.ValidateAsync(("Clusters:1:Nodes:0:Port", "5432"));
        result.Says(ExitCode.Configuration, "2 entries have Host and Port 192.0.2.1:5432; each must have its own").InOneLine();
    }

    /// <summary>Host names do not know upper and lower case.</summary>
    [Fact]
    public async Task A_duplicate_address_in_other_letters_is_named()
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:0:Host", "\"db.example\""), ("Clusters:0:Nodes:1:Host", "\"DB.example\""));
        result.Says(ExitCode.Configuration, "Host and Port").InOneLine();
    }

    /// <summary>Two ports and one data directory: set-up would take one server for two primaries and, told to overwrite one, stop both.</summary>
    [Fact]
    public async Task Two_nodes_with_one_data_directory_on_one_host_are_named()
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:1:Host", "\"192.0.2.1\""), ("Clusters:0:Nodes:1:Port", "5433"));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters", "DataDirectory", "/var/lib/postgresql/15/5432").InOneLine();
    }

    /// <summary>Without its standbys the primary lives by what the watchdog has seen in the check before.</summary>
    [Fact]
    public async Task Time_to_live_shorter_than_two_checks_is_told_with_what_it_has_to_be()
    {
        var result = await folder.ValidateAsync(("Clusters:0:CheckInterval", "\"00:00:02\""), ("Clusters:0:GuardTimeToLive", "\"00:00:03\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:GuardTimeToLive is 00:00:03", "CheckInterval is 00:00:02",
            "give a time to live of at least two intervals and one time-out").InOneLine();
    }

    [Fact]
    public async Task A_duplicate_cluster_is_named()
    {
        var result = await folder.ValidateAsync(("Clusters:1:Name", "\"main\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters: 2 entries have Name main; each must have its own").InOneLine();
    }

    [Theory]
    [InlineData("00:00:01")]
    [InlineData("00:00:01.9")]
    public async Task A_threshold_shorter_than_two_intervals_is_told_with_both(string threshold)
    {
        var result = await folder.ValidateAsync(("Clusters:0:UnreachableThreshold", $"\"{threshold}\""), ("Clusters:0:GuardTimeToLive", "\"00:00:00\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:Clusters:0:UnreachableThreshold is {threshold}", "CheckInterval is 00:00:01",
            "give a threshold of at least two intervals").InOneLine();
    }

    /// <summary>Else another node would be writable while the guard of the old primary may still be waiting.</summary>
    [Theory]
    [InlineData("00:00:06", "00:00:08")]
    [InlineData("00:00:03", "00:00:04.2")]
    [InlineData("00:00:10", "00:00:10")]
    public async Task A_guard_that_may_stop_later_than_the_threshold_is_told_with_both_values_and_what_to_do(string timeToLive, string threshold)
    {
        var result = await folder.ValidateAsync(("Clusters:0:GuardTimeToLive", $"\"{timeToLive}\""), ("Clusters:0:UnreachableThreshold", $"\"{threshold}\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:Clusters:0:GuardTimeToLive is {timeToLive}", $"UnreachableThreshold is {threshold}",
            "lower GuardTimeToLive", "raise UnreachableThreshold", "GuardTimeToLive 00:00:00").InOneLine();
    }

    /// <summary>What the documents recommend, what is the default, and no guard at all.</summary>
    [Theory]
    [InlineData("00:00:03", "00:00:04.3")]
    [InlineData("00:00:06", "00:00:10")]
    [InlineData("00:00:00", "00:00:02")]
    public async Task A_guard_that_has_surely_stopped_before_the_threshold_is_right(string timeToLive, string threshold)
    {
        var result = await folder.ValidateAsync(("Clusters:0:GuardTimeToLive", $"\"{timeToLive}\""), ("Clusters:0:UnreachableThreshold", $"\"{threshold}\""));
        Assert.Equal(ExitCode.Ok, result.ExitCode);
    }

    [Fact]
    public async Task A_time_out_longer_than_the_interval_is_told_with_both()
    {
        var result = await folder.ValidateAsync(("Clusters:0:ProbeTimeout", "\"00:00:02\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:ProbeTimeout is 00:00:02", "CheckInterval is 00:00:01", "give a time-out of at most the interval")
            .InOneLine();
    }

    [Fact]
    public async Task One_role_for_two_purposes_is_refused()
    {
        var result = await folder.ValidateAsync(("Clusters:0:WatchdogRole", "\"replication\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:WatchdogRole and ReplicationRole are both 'replication'; give two roles").InOneLine();
    }

    [Theory]
    [InlineData("SHA512:AAAA")]
    [InlineData("MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48")]
    [InlineData("256 SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA host (ED25519)")]
    [InlineData("")]
    public async Task A_fingerprint_of_another_kind_is_told_with_the_command_that_prints_it(string fingerprint)
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:1:HostKeyFingerprints", $"[\"{fingerprint}\"]"));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:Clusters:0:Nodes:1:HostKeyFingerprints has '{fingerprint}'", "ssh-keyscan", "SHA256:").InOneLine();
    }

    /// <summary>What cannot be a fingerprint would be told as a host key that changed, with an alarm about somebody who stands between.</summary>
    [Theory]
    [InlineData("SHA256:")]
    [InlineData("SHA256:AAAA")]
    [InlineData("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA host (ED25519)")]
    public async Task A_fingerprint_that_is_cut_off_or_has_more_to_it_is_told(string fingerprint)
    {
        var result = await folder.ValidateAsync(("Clusters:0:Nodes:1:HostKeyFingerprints", $"[\"{fingerprint}\"]"));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:Clusters:0:Nodes:1:HostKeyFingerprints has '{fingerprint}'").InOneLine();
    }

    /// <summary>CREATE ROLE would refuse these, or pg_hba.conf take them for everybody, in the middle of a set-up.</summary>
    [Theory]
    [InlineData("WatchdogRole", "all")]
    [InlineData("WatchdogRole", "user")]
    [InlineData("ReplicationRole", "pg_replication")]
    [InlineData("Database", "all")]
    public async Task A_name_that_means_something_else_to_PostgreSQL_is_refused(string key, string name)
    {
        var result = await folder.ValidateAsync(($"Clusters:0:{key}", $"\"{name}\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:Clusters:0:{key}", $"'{name}'").InOneLine();
    }
}
