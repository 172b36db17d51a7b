using System.CommandLine;
using Ambient.Kubernetes;
using Ambient.Sandbox;
using Ambient.Sandbox.Runs;

namespace Ambient.Cli.Clusters;

/// <summary>The options of kubectl that say which cluster and which namespace is meant; they stand before or after a subcommand.</summary>
internal sealed class ClusterOptions
{
    private readonly Option<string?> _kubeConfig = new("--kubeconfig")
    {
        Description = "The kubeconfig. If not given: $KUBECONFIG, the pod's own account, ~/.kube/config, or the one sandbox that is running.",
        HelpName = "FILE",
        Recursive = true,
    };

    private readonly Option<string?> _context = new("--context")
    {
        Description = "The context of the kubeconfig; its current one if not given.",
        HelpName = "NAME",
        Recursive = true,
    };

    private readonly Option<string?> _namespace = new("--namespace", "-n")
    {
        Description = "The namespace; the context's if not given.",
        HelpName = "NAMESPACE",
        Recursive = true,
    };

    /// <summary>Adds the options to a command and all below it.</summary>
    public void AddTo(Command command)
    {
        command.Add(_kubeConfig);
        command.Add(_context);
        command.Add(_namespace);
    }

    /// <summary>The namespace that was asked for; null where none was.</summary>
    public string? NamespaceOf(ParseResult parsed) => parsed.GetValue(_namespace);

    /// <summary>Runs an action with a client of the cluster that is meant.</summary>
    public Task<int> RunAsync(ParseResult parsed, Func<KubernetesClient, Task<int>> action) => Guard.RunAsync(async () =>
    {
        var config = Find(parsed.GetValue(_kubeConfig), parsed.GetValue(_context));
        using var client = new KubernetesClient(NamespaceOf(parsed) is { } ns ? config with { Namespace = ns } : config);
        try
        {
            return await action(client);
        }
        catch (HttpRequestException e)
        {
            throw new CliException($"The API server {config.Server} does not answer: {e.Message}. Is it the right cluster? Choose one with --kubeconfig FILE or --context NAME.", e);
        }
        catch (KubernetesException e) when (e.IsNotFound && e.Message.Contains("gateway.networking.k8s.io", StringComparison.Ordinal) && e.Message.Contains("could not find the requested resource", StringComparison.Ordinal))
        {
            throw new CliException("The cluster has no Gateway API. Install its definitions: https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api", e);
        }
    });

    private static KubeConfig Find(string? path, string? context)
    {
        var source = path ?? Environment.GetEnvironmentVariable("KUBECONFIG")?.Split(':', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        if (source is null && KubeConfig.IsInCluster())
        {
            return KubeConfig.InCluster();
        }

        source ??= Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config");
        try
        {
            return KubeConfig.Load(File.Exists(source) || path is not null ? source : OfSandbox(source), context);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new CliException($"kubeconfig {source}: {e.Message}", e);
        }
    }

    private static string OfSandbox(string missing)
    {
        try
        {
            return SandboxRuns.KubeConfigOf(SandboxRuns.Select(null));
        }
        catch (SandboxException e)
        {
            throw new CliException($"No cluster: {missing} does not exist, and there is not one sandbox to take instead. Give --kubeconfig FILE, set KUBECONFIG, or start a sandbox: ambientctl sandbox up.", e);
        }
    }
}
