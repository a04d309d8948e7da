using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Settings of the configuration file, one mistake at a time and all at once.</summary>
public sealed class WrongSettings(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    [Fact]
    public async Task A_right_configuration_is_said_to_be_right()
    {
        var file = folder.Write();
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Shows(ExitCode.Ok, "main: alpha (192.0.2.1:5432), beta (192.0.2.2:5432)", "spare: alpha (192.0.2.1:6432)", $"{file} is right");
        Assert.Empty(result.Error);
    }

    [Theory]
    [InlineData("Clusters", "[]", "PgReplWatchdog:Clusters is missing; give at least one cluster")]
    [InlineData("Clusters", null, "PgReplWatchdog:Clusters is missing; give at least one cluster")]
    [InlineData("StateDirectory", "\"\"", "PgReplWatchdog:StateDirectory is missing")]
    [InlineData("Clusters:0:Name", null, "PgReplWatchdog:Clusters:0:Name is missing")]
    [InlineData("Clusters:0:Name", "\"\"", "PgReplWatchdog:Clusters:0:Name is missing")]
    [InlineData("Clusters:0:Name", "\"Main Cluster\"", "PgReplWatchdog:Clusters:0:Name is 'Main Cluster'; use up to 40 lower-case letters")]
    [InlineData("Clusters:0:WatchdogPasswordFile", null, "PgReplWatchdog:Clusters:0:WatchdogPasswordFile is missing")]
    [InlineData("Clusters:0:ReplicationPasswordFile", null, "PgReplWatchdog:Clusters:0:ReplicationPasswordFile is missing")]
    [InlineData("Clusters:0:SshKeyFile", null, "PgReplWatchdog:Clusters:0:SshKeyFile is missing")]
    [InlineData("Clusters:0:Nodes", null, "PgReplWatchdog:Clusters:0:Nodes is missing; give at least two nodes")]
    [InlineData("Clusters:0:Nodes", "[]", "PgReplWatchdog:Clusters:0:Nodes is missing; give at least two nodes")]
    [InlineData("Clusters:0:Nodes:1:Name", null, "PgReplWatchdog:Clusters:0:Nodes:1:Name is missing")]
    [InlineData("Clusters:0:Nodes:1:Host", null, "PgReplWatchdog:Clusters:0:Nodes:1:Host is missing")]
    [InlineData("Clusters:0:Nodes:1:Host", "\"http://10.0.0.1/\"", "Nodes:1:Host is 'http://10.0.0.1/'; give an address or a host name")]
    [InlineData("Clusters:0:Nodes:1:HostKeyFingerprints", null, "Nodes:1:HostKeyFingerprints is missing; give at least one, as `ssh-keyscan")]
    [InlineData("Clusters:0:Nodes:1:DataDirectory", "\"data\"", "Nodes:1:DataDirectory is 'data'; give an absolute path")]
    [InlineData("Clusters:0:Nodes:1:DataDirectory", "\"/data/\"", "Nodes:1:DataDirectory is '/data/'", "without a slash at its end")]
    [InlineData("Clusters:0:Nodes:1:BinDirectory", "\"bin\"", "Nodes:1:BinDirectory is 'bin'; give an absolute path")]
    [InlineData("Clusters:0:WatchdogRole", "\"Robert'); DROP\"", "PgReplWatchdog:Clusters:0:WatchdogRole is 'Robert'); DROP'; use lower-case letters")]
    [InlineData("Clusters:0:SshUser", "\"a b\"", "PgReplWatchdog:Clusters:0:SshUser is 'a b'; give the name of an account")]
    public Task A_missing_or_unfit_text_is_named_with_its_key(string key, string? json, params string[] words) => IsOneErrorAsync(key, json, words);

    [Theory]
    [InlineData("Clusters:0:Nodes:0:Port", "0", "PgReplWatchdog:Clusters:0:Nodes:0:Port is '0'; give a whole number, from 1 to 65535")]
    [InlineData("Clusters:0:Nodes:0:Port", "70000", "PgReplWatchdog:Clusters:0:Nodes:0:Port is '70000'; give a whole number, from 1 to 65535")]
    [InlineData("Clusters:0:Nodes:0:Port", "99999999999", "Nodes:0:Port is '99999999999'; give a whole number")]
    [InlineData("Clusters:0:Nodes:0:Port", "\"postgres\"", "Nodes:0:Port is 'postgres'; give a whole number")]
    [InlineData("Clusters:0:Nodes:0:Port", "5432.5", "Nodes:0:Port is '5432.5'; give a whole number")]
    [InlineData("Clusters:0:Nodes:0:Port", "\"\"", "Nodes:0:Port is ''; give a whole number")]
    [InlineData("Clusters:0:Nodes:0:Port", "null", "Nodes:0:Port has no value; give a whole number")]
    [InlineData("Clusters:0:Nodes:0:SshPort", "-22", "Nodes:0:SshPort is '-22'; give a whole number, from 1 to 65535")]
    [InlineData("Clusters:0:Nodes:0:Priority", "2000", "Nodes:0:Priority is '2000'; give a whole number, from 0 to 1000")]
    [InlineData("Clusters:0:MaximumLagBytes", "-1", "PgReplWatchdog:Clusters:0:MaximumLagBytes is '-1'; give a whole number, from 0")]
    [InlineData("Clusters:0:MaximumLagBytes", "\"16MB\"", "PgReplWatchdog:Clusters:0:MaximumLagBytes is '16MB'; give a whole number")]
    [InlineData("Clusters:0:Automatic", "\"maybe\"", "PgReplWatchdog:Clusters:0:Automatic is 'maybe'; give true or false")]
    [InlineData("Clusters:0:Automatic", "1", "PgReplWatchdog:Clusters:0:Automatic is '1'; give true or false")]
    public Task A_number_or_a_truth_that_is_none_is_named_with_its_limits(string key, string json, params string[] words) =>
        IsOneErrorAsync(key, json, words);

    [Theory]
    [InlineData("Clusters:0:CheckInterval", "\"ten seconds\"", "CheckInterval is 'ten seconds'; give a duration as hours:minutes:seconds, such as 00:00:10")]
    [InlineData("Clusters:0:CheckInterval", "\"1s\"", "CheckInterval is '1s'; give a duration as hours:minutes:seconds")]
    [InlineData("Clusters:0:CheckInterval", "\"00:00:00\"", "CheckInterval is '00:00:00'; give a duration as hours:minutes:seconds", "from 00:00:00.1")]
    [InlineData("Clusters:0:UnreachableThreshold", "\"-00:00:10\"", "UnreachableThreshold is '-00:00:10'; give a duration")]
    [InlineData("Clusters:0:ProbeTimeout", "\"00:00:00.001\"", "ProbeTimeout is '00:00:00.001", "from 00:00:00.05")]
    public async Task A_duration_that_is_none_or_out_of_range_is_named_with_an_example(string key, string json, params string[] words) =>
        (await folder.ValidateAsync((key, json))).Says(ExitCode.Configuration, words); // beside others that do not fit to it

    /// <summary>.NET takes a bare number for days; nobody who writes 10 means that.</summary>
    [Theory]
    [InlineData("UnreachableThreshold", "\"10\"", "10")]
    [InlineData("UnreachableThreshold", "10", "10")]
    [InlineData("CheckInterval", "1", "1")]
    [InlineData("MinimumInterval", "5", "5")]
    public Task A_bare_number_for_a_duration_is_refused_as_it_was_written(string key, string json, string written) =>
        IsOneErrorAsync($"Clusters:0:{key}", json, [$"PgReplWatchdog:Clusters:0:{key} is '{written}'; give a duration as hours:minutes:seconds"]);

    [Theory]
    [InlineData("Fencing", "\"Sometimes\"", "Fencing is 'Sometimes'; give Required or BestEffort")]
    [InlineData("Fencing", "\"Unknown\"", "Fencing is 'Unknown'; give Required or BestEffort")]
    [InlineData("Fencing", "1", "Fencing is '1'; give Required or BestEffort")]
    [InlineData("Fencing", "\"Required, BestEffort\"", "Fencing is 'Required, BestEffort'; give Required or BestEffort")]
    [InlineData("GuardTimeToLive", "\"00:00:02.9\"", "GuardTimeToLive is 00:00:02.9", "give at least 00:00:03, or 00:00:00 for no guard")]
    [InlineData("CrashedThreshold", "\"01:00:01\"", "CrashedThreshold is '01:00:01'", "from 00:00:00 to 01:00:00")]
    [InlineData("FreshConnectionEvery", "0", "FreshConnectionEvery is '0'; give a whole number, from 1 to 1000")]
    [InlineData("FreezeWindows", "\"* * 2-3 ? * SUN\"", "FreezeWindows is '* * 2-3 ? * SUN'; give a list, in [ ]")]
    [InlineData("FreezeWindows", "[\"2-3 SUN\"]", "FreezeWindows has '2-3 SUN', which is no cron expression", "* * 2-3 ? * SUN")]
    [InlineData("FreezeWindows", "[\"\"]", "FreezeWindows has '', which is no cron expression")]
    [InlineData("FreezeWindows", "[\"* * 2-3 ? * SUN\", \"0 0 2 ? * SUN\"]", "FreezeWindows has '0 0 2 ? * SUN', which matches single seconds; begin it with *")]
    [InlineData("ReferenceAddresses", "[\"192.0.2.1\"]", "ReferenceAddresses has '192.0.2.1'; give a host and a port, such as 192.0.2.1:53")]
    [InlineData("ReferenceAddresses", "[\"http://192.0.2.1:80\"]", "ReferenceAddresses has 'http://192.0.2.1:80'; give a host and a port")]
    [InlineData("ReferenceAddresses", "[\"192.0.2.1:99999\"]", "ReferenceAddresses has '192.0.2.1:99999'; give a host and a port")]
    [InlineData("FenceCommand", "\"fence off\"", "FenceCommand is 'fence off'; give a program by its full path")]
    [InlineData("HookBefore", "\"/no/such/hook now\"", "HookBefore is '/no/such/hook now'; there is no file /no/such/hook on this host")]
    [InlineData("HookAfter", "\"/etc/passwd\"", "HookAfter is '/etc/passwd'; /etc/passwd is not executable")]
    public Task A_setting_of_the_procedure_that_cannot_work_is_told_before_it_is_needed(string key, string json, params string[] words) =>
        IsOneErrorAsync($"Clusters:0:{key}", json, [$"PgReplWatchdog:Clusters:0:{words[0]}", .. words[1..]]);

    [Fact]
    public async Task A_program_that_others_can_change_is_refused_with_the_chmod()
    {
        var program = folder.In(await folder.WithFileAsync("hook", "#!/bin/sh\n"));
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherWrite);
        await IsOneErrorAsync("Clusters:0:HookAfter", $"\"{program}\"", [$"others than its owner can change {program}: chmod go-w '{program}'"]);
    }

    [Theory]
    [InlineData("Fencing", "\"besteffort\"")]
    [InlineData("FreezeWindows", "[\"* * 2-3 ? * SUN\", \"* 0-29 22 L * ?\"]")]
    [InlineData("ReferenceAddresses", "[\"192.0.2.1:53\", \"router.example:22\", \"[2001:db8::1]:53\"]")]
    [InlineData("FenceCommand", "\"/bin/sh -c \\\"exit 0\\\"\"")]
    public async Task A_setting_of_the_procedure_that_can_work_is_right(string key, string json) =>
        Assert.Equal(ExitCode.Ok, (await folder.ValidateAsync(($"Clusters:0:{key}", json))).ExitCode);

    [Theory]
    [InlineData("StateDirektory", "PgReplWatchdog:StateDirektory is no setting; the nearest that is one: StateDirectory")]
    [InlineData("Clusters:0:CheckIntervall", "PgReplWatchdog:Clusters:0:CheckIntervall is no setting; the nearest that is one: CheckInterval")]
    [InlineData("Clusters:0:Nodes:1:Prot", "PgReplWatchdog:Clusters:0:Nodes:1:Prot is no setting; the nearest that is one: Port")]
    [InlineData("Clusters:0:Nodes:1:HostKeyFingerprint", "Nodes:1:HostKeyFingerprint is no setting; the nearest that is one: HostKeyFingerprints")]
    public Task An_unknown_key_is_named_with_the_nearest_known_one(string key, string words) => IsOneErrorAsync(key, "\"1\"", [words]);

    [Theory]
    [InlineData("http//127.0.0.1:9187")]
    [InlineData("ftp://127.0.0.1:9187")]
    [InlineData("127.0.0.1:9187")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("http://127.0.0.1:9187/metrics")]
    [InlineData("9187")]
    public Task An_address_to_listen_on_that_is_none_is_named_with_an_example(string listen) =>
        IsOneErrorAsync("Listen", $"\"{listen}\"", [$"PgReplWatchdog:Listen is '{listen}'; give an address with http or https and a port, such as http://127.0.0.1:9187"]);

    [Theory]
    [InlineData("0.0.0.0:9188")]
    [InlineData("http://0.0.0.0:9188")]
    [InlineData("tcp://0.0.0.0")]
    [InlineData("tcp://0.0.0.0:99999")]
    [InlineData("tcp://localhost:9188")] // a name may stand for several addresses
    [InlineData("tcp://0.0.0.0:9188/main")]
    public Task An_address_for_agents_that_is_none_is_named_with_an_example(string listen) => IsOneErrorAsync("AgentListen", $"\"{listen}\"",
        [$"PgReplWatchdog:AgentListen is '{listen}'; give an IP address and a port, such as tcp://0.0.0.0:9188, or leave it empty"]);

    [Fact]
    public async Task An_empty_address_to_listen_on_is_missing() =>
        (await folder.ValidateAsync(("Listen", "\"\""))).Says(ExitCode.Configuration, "PgReplWatchdog:Listen is missing");

    /// <summary>A list of one is a list to its author, who forgets the brackets.</summary>
    [Theory]
    [InlineData("Clusters", "{ \"Name\": \"main\", \"SshUser\": \"postgres\" }")]
    [InlineData("Clusters:0:Nodes", "{ \"Name\": \"alpha\", \"Host\": \"192.0.2.1\" }")]
    [InlineData("Clusters:0:Nodes", "\"192.0.2.1, 192.0.2.2\"")]
    [InlineData("Clusters:0:Nodes:0:HostKeyFingerprints", "\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"")]
    public async Task A_list_without_brackets_is_said_to_be_none(string key, string json)
    {
        var result = await folder.ValidateAsync((key, json));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{key}", "give a list, in [ ]");
    }

    [Fact]
    public async Task Several_mistakes_are_told_all_at_once()
    {
        var result = await folder.ValidateAsync(
            ("Listen", "\"nowhere\""), ("Clusters:0:CheckIntervall", "\"00:00:01\""), ("Clusters:0:Automatic", "\"maybe\""),
            ("Clusters:0:Nodes:0:Port", "70000"), ("Clusters:0:Nodes:1:Host", null), ("Clusters:0:WatchdogPasswordFile", "\"no.such.secret\""),
            ("Clusters:1:SshKeyFile", "\"no.such.key\""), ("Clusters:1:Nodes:0:Name", "\"beta\""), ("Clusters:1:UnreachableThreshold", "\"00:00:01\""), ("Clusters:1:GuardTimeToLive", "\"00:00:00\""));
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Listen is 'nowhere'", "CheckIntervall is no setting", "Clusters:0:Automatic is 'maybe'",
            "Clusters:0:Nodes:0:Port is '70000'", "Clusters:0:Nodes:1:Host is missing", "no.such.secret; create it", "no.such.key; create it",
            "PgReplWatchdog:Clusters:1:Nodes: 2 entries have Name beta", "Clusters:1:UnreachableThreshold is 00:00:01");
        Assert.Equal(9, result.Lines().Length);
    }

    private async Task IsOneErrorAsync(string key, string? json, string[] words)
    {
        var file = folder.Write((key, json));
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, [file, .. words]).InOneLine();
        Assert.Empty(result.Output);
    }
}
