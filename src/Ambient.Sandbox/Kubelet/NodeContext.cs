using Ambient.Sandbox.Network;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Kubelet;

/// <summary>What a kubelet knows of its node and sandbox.</summary>
internal sealed record NodeContext
{
    public required string SandboxId { get; init; }
    public required string Name { get; init; }
    public required NodeAddresses Addresses { get; init; }
    public required string ApiServerHost { get; init; }
    public required int ApiServerPort { get; init; }

    /// <summary>PEM of the authority that signed the API server's certificate.</summary>
    public required string ApiServerRoots { get; init; }

    /// <summary>The cluster's name server, as pods reach it.</summary>
    public required string DnsAddress { get; init; }

    /// <summary>Plugins without which pods are not started: without ours they would start uncaptured.</summary>
    public required IReadOnlyList<string> RequiredPlugins { get; init; }

    /// <summary>The node's own address.</summary>
    public string Address => Addresses.Address4.ToString();

    /// <summary>The node's network namespace.</summary>
    public string NetworkNamespace => Names.Node(SandboxId, Name);

    /// <summary>The node's files.</summary>
    public string Folder => Path.Combine(RunDirectory.PathOf(SandboxId), "nodes", Name);

    /// <summary>Where the node's CNI configurations are.</summary>
    public string CniConfiguration => Path.Combine(Folder, "cni", "net.d");

    /// <summary>Where the node's CNI plugins are.</summary>
    public string CniPlugins => Path.Combine(Folder, "cni", "bin");

    /// <summary>Sockets and run files of the node's components.</summary>
    public string RunFolder => Path.Combine(Folder, "run");

    /// <summary>Logs of all containers of the sandbox.</summary>
    public string LogFolder => Path.Combine(RunDirectory.PathOf(SandboxId), "logs");
}
