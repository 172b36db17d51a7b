using System.Net;
using Ambient.Mesh.Config;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Tests;

/// <summary>A small mesh from local configuration, and questions to it.</summary>
internal sealed class World
{
    public World(string yaml, string network = "")
    {
        Network = network;
        Store.Apply(LocalConfig.Parse(yaml));
    }

    public MeshStore Store { get; } = new();

    public string Network { get; }

    public MeshSnapshot Mesh => Store.Current;

    public Workload Workload(string uid) => Mesh.Workloads[uid];

    public OutboundDecision Outbound(string source, string destination, string? client = null, int seed = 1, params string[] tried)
    {
        var workload = Workload(source);
        return OutboundRouter.Decide(
            Mesh,
            new OutboundRequest(
                Network,
                workload,
                client is null ? workload.Addresses.FirstOrDefault(IPAddress.Loopback) : IPAddress.Parse(client),
                IPEndPoint.Parse(destination))
            { Tried = tried },
            new Random(seed));
    }

    /// <summary>A decision in one line, for tables.</summary>
    public string Way(string source, string destination, string? client = null)
    {
        var decision = Outbound(source, destination, client);
        var where = decision.Dial?.ToString() ?? (decision.ResolveHostname is { } host ? $"{host}:{decision.DialPort}" : "");
        return decision.Kind switch
        {
            OutboundKind.Hbone => $"hbone {where} for {decision.Authority}",
            OutboundKind.DoubleHbone => $"double {where} for {decision.Authority}",
            OutboundKind.Plaintext => $"plaintext {where}",
            OutboundKind.Passthrough => $"passthrough {where}",
            _ => $"refused {decision.Refusal}",
        };
    }

    public InboundDecision Inbound(string workload, string authority)
    {
        Assert.True(HboneAuthority.TryParse(authority, out var parsed), authority);
        var target = Workload(workload);
        return InboundRouter.Decide(Mesh, new InboundRequest(Network, target, target.Addresses[0], parsed));
    }
}
