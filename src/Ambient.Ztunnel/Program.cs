using Ambient.Proxy;
using Ambient.Proxy.Configuration;
using Ambient.Ztunnel;
using Ambient.Ztunnel.Configuration;

switch (args.FirstOrDefault() ?? "proxy")
{
    case "proxy":
        return await ProxyProgram.RunAsync(logs => new ZtunnelApp(EnvironmentConfiguration.Read(), logs, TimeProvider.System));
    case "version":
        Console.WriteLine($"ambient ztunnel {ThisBuild.Version} ({ThisBuild.Revision}, {ThisBuild.Profile})");
        return 0;
    case "help" or "--help" or "-h":
        Console.WriteLine("usage: Ambient.Ztunnel [proxy | version | help]\nThe environment configures the proxy; see Istio's node proxy for the variables.");
        return 0;
    case var unknown:
        Console.Error.WriteLine($"'{unknown}' is no command; the commands are proxy, version and help.");
        return ProxyProgram.Misconfigured;
}
