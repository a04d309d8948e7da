using PgReplWatchdog.Operating.CommandLine;

// Npgsql opens no connection without it, and a service under systemd's dynamic account has none.
if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOME")))
    Environment.SetEnvironmentVariable("HOME", "/nonexistent");

// The service is put together in Operating/Service.cs; what it does is in Watchdog.cs.
return await Commands.RunAsync(args);
