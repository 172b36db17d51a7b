using System.CommandLine;
using Ambient.Cli;
using Ambient.Sandbox.Cni;

// The bridge plugin is called once per pod by a kubelet that waits: it skips the command line's machinery.
if (args is ["cni-ptp"])
{
    return await PtpPlugin.RunAsync(Console.In, Console.Out, CancellationToken.None);
}

// Taking a sandbox away after Ctrl-C lasts some seconds; the default of two would leave half of it behind.
var invocation = new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) };
return await CommandLine.Build().Parse(args).InvokeAsync(invocation);
