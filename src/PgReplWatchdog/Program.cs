using PgReplWatchdog.Operating.CommandLine;

// The service is put together in Operating/Service.cs; what it does is in Watchdog.cs.
return await Commands.RunAsync(args);
