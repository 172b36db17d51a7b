using Ambient.Proxy;
using Ambient.Proxy.Configuration;
using Ambient.Waypoint;
using Ambient.Waypoint.Configuration;
using Ambient.Waypoint.Plain;

switch (args.FirstOrDefault() ?? "proxy")
{
    case "proxy" when CommandLine.Check(args.AsSpan(Math.Min(1, args.Length))) is { } wrong:
        Console.Error.WriteLine(wrong);
        return ProxyProgram.Misconfigured;
    case "proxy":
        return await ProxyProgram.RunAsync(logs => new WaypointApp(WaypointEnvironment.Read(EnvironmentReader.Process()), logs, TimeProvider.System));
    case "reverse-proxy":
        return await ReverseProxyProgram.RunAsync(args[1..]);
    case "version":
        Console.WriteLine($"ambient waypoint {ThisBuild.Version} ({ThisBuild.Revision}, {ThisBuild.Profile})");
        return 0;
    case "help" or "--help" or "-h":
        Console.WriteLine("usage: Ambient.Waypoint [proxy [waypoint] | reverse-proxy | version | help]\nThe environment configures the proxy; the control plane sets it in the Deployment that it makes from a Gateway. reverse-proxy is its request path alone, on a plain listener, for measurements.");
        return 0;
    case var unknown:
        Console.Error.WriteLine($"'{unknown}' is no command; the commands are proxy, reverse-proxy, version and help.");
        return ProxyProgram.Misconfigured;
}
