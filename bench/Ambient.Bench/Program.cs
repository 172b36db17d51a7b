using System.Globalization;
using Ambient.Bench;
using Ambient.Bench.Load;
using Ambient.Bench.Measures;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

// The harness starts itself again for the parts that live in namespaces of their own.
switch (args.FirstOrDefault())
{
    case "sink":
        await Sink.RunAsync();
        return 0;
    case "client":
        await Client.RunAsync(args[1..]);
        return 0;
    case "ca":
        await CertificateAuthority.ServeAsync(args[1]);
        return 0;
    case "mesh":
        await MeshServer.ServeAsync(int.Parse(args[1], CultureInfo.InvariantCulture));
        return 0;
    case "waypoint-mesh":
        await WaypointMesh.ServeAsync(args[1], args[2], args[3], args[4]);
        return 0;
    case "--help" or "-h" or "help":
        Console.WriteLine(Options.Usage);
        return 0;
}

try
{
    var options = Options.Parse(args);
    if (options.List)
    {
        Console.WriteLine(Options.Catalogue);
        return 0;
    }

    using var folder = new ScratchFolder();
    using var cubic = new CubicAllowed();
    CertificateAuthority.Create(folder.Path);
    var surroundings = new Surroundings(folder.Path, options.Find("Ambient.Ztunnel"), options.Find("Ambient.Waypoint"));
    await using var leftovers = new Leftovers();
    Progress.Tell("starts");
    using var stop = new StopSignal();
    await using var subjects = new RunningSubjects(surroundings);
    var runs = new List<RunResults>();
    await stop.UnlessStoppedAsync(async () =>
    {
        await subjects.StartAsync(options.Subjects);
        for (var i = 0; i < options.Check; i++)
        {
            runs.Add(await Run.RunAsync(subjects.All, surroundings, options));
        }
    });

    Report.Write(runs, await Facts.GatherAsync(subjects.All), options);
    return 0;
}
catch (Exception failure) when (failure is FormatException or InvalidOperationException or TimeoutException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
