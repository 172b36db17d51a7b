using Ambient.Bench;
using Ambient.Bench.Load;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

// The harness starts itself again for the parts that live in namespaces of their own.
switch (args.FirstOrDefault())
{
    case "sink":
        await Sink.RunAsync();
        return 0;
    case "load":
        Console.WriteLine(await Generator.RunAsync(args[1..]));
        return 0;
    case "ca":
        await CertificateAuthority.ServeAsync(args[1]);
        return 0;
    case "--help" or "-h" or "help":
        Console.WriteLine(Options.Usage);
        return 0;
}

try
{
    var options = Options.Parse(args);
    using var folder = new ScratchFolder();
    using var cubic = new CubicAllowed();
    CertificateAuthority.Create(folder.Path);
    await using var direct = new DirectSubject();
    await using var haproxy = new HaproxySubject(folder.Path);
    await using var ztunnel = new ZtunnelSubject(folder.Path);
    Subject[] subjects = [direct, ztunnel, haproxy];
    foreach (var subject in subjects)
    {
        await subject.StartAsync();
    }

    var results = await Measurement.RunAsync(subjects, options);
    Report.Write(results, options);
    return 0;
}
catch (Exception failure) when (failure is FormatException or InvalidOperationException or TimeoutException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
