using System.Net;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Explanation;

/// <summary>
/// What node proxies would do with a connection: the decisions of the data path (<see cref="OutboundRouter"/>, <see cref="InboundRouter"/>,
/// <see cref="Authorizer"/>), asked for without a connection.
/// </summary>
public static class NodeHops
{
    /// <summary>Answers a question about a connection that goes out or comes in.</summary>
    /// <exception cref="FormatException">The question cannot be answered here; says why.</exception>
    public static HopAnswer Explain(MeshSnapshot mesh, HopQuestion question, Random random) => question.Hop switch
    {
        Hop.Outbound => Outbound(mesh, question, random),
        Hop.Inbound => Inbound(mesh, question),
        _ => throw new FormatException("hop=request: a node proxy sees no requests; ask the waypoint."),
    };

    private static HopAnswer Outbound(MeshSnapshot mesh, HopQuestion question, Random random)
    {
        if (!IPEndPoint.TryParse(question.Destination, out var destination) || destination.Port == 0)
        {
            throw new FormatException($"destination={question.Destination}: use ADDRESS:PORT.");
        }

        var source = Find(mesh, question.Client)
            ?? throw new FormatException($"client={question.Client}: no workload with this address is known here.");
        if (source.Protocol != TunnelProtocol.Hbone)
        {
            return Uncaptured(mesh, source, question.Client, destination, random);
        }

        var decision = OutboundRouter.Decide(mesh, new OutboundRequest(source.Network, source, question.Client, destination), random);
        var answer = new HopAnswer
        {
            Proxy = $"ztunnel of {Name(source)}{On(source)}",
            Steps = RouteExplanation.Steps(decision),
            Next = decision.Kind switch
            {
                OutboundKind.Hbone when decision.Waypoint is not null => Onward.Waypoint,
                OutboundKind.Hbone => Onward.Tunnel,
                OutboundKind.Plaintext => Onward.Plaintext,
                OutboundKind.Refused => Onward.End,
                _ => Onward.Outside,
            },
            Refusal = decision.Kind == OutboundKind.Refused ? RouteExplanation.Render(decision) : null,
        };
        return decision.Endpoint is not { } server || decision.Kind == OutboundKind.Refused ? answer : answer with
        {
            Server = server.Uid,
            ServerName = Name(server),
            ServerNode = server.Node,
            Destination = decision.Authority ?? decision.Dial?.ToString(),
            Client = question.Client.ToString(),
            Identity = decision.Kind == OutboundKind.Hbone ? source.Identity.ToString() : null,
        };
    }

    /// <summary>Nothing takes the connection over: the cluster's own service routing chooses the endpoint, and no waypoint is on the way.</summary>
    private static HopAnswer Uncaptured(MeshSnapshot mesh, Workload source, IPAddress client, IPEndPoint destination, Random random)
    {
        var steps = new List<string> { $"{source.Uid} is not in the mesh: its connection to {destination} is not taken over, and has no identity" };
        var service = mesh.FindServiceByVip(source.Network, destination.Address, source.Namespace);
        var chosen = service is null ? null : EndpointChoice.Choose(
            mesh, service, destination.Port, PortLookup.Standard, new OutboundRequest(source.Network, source, client, destination), random);
        var server = service is null ? mesh.FindWorkload(source.Network, destination.Address) : chosen?.Workload;
        if (service is not null)
        {
            steps.Add($"the cluster's own routing takes it to an endpoint of service {service.Key}");
        }

        if ((service?.Waypoint ?? server?.Waypoint) is { } waypoint)
        {
            steps.Add($"waypoint {waypoint.Destination} is not on its way: only clients in the mesh pass it");
        }

        return new HopAnswer
        {
            Proxy = $"no proxy of {Name(source)}{On(source)}",
            Steps = steps,
            Next = server is not null ? Onward.Plaintext : service is not null ? Onward.End : Onward.Outside,
            Refusal = service is not null && server is null ? $"no healthy upstream: no endpoint of service {service.Key} can take port {destination.Port}" : null,
            Server = server?.Uid,
            ServerName = server is null ? null : Name(server),
            ServerNode = server?.Node,
            Destination = server is null ? null : new IPEndPoint(chosen is null ? destination.Address : server.Addresses.FirstOrDefault() ?? destination.Address, chosen?.Port ?? destination.Port).ToString(),
            Client = client.ToString(),
        };
    }

    private static HopAnswer Inbound(MeshSnapshot mesh, HopQuestion question)
    {
        var server = mesh.Workloads.TryGetValue(question.Server ?? "", out var known)
            ? known
            : throw new FormatException($"server={question.Server}: no workload with this uid is known here.");
        if (!HboneAuthority.TryParse(question.Destination, out var authority))
        {
            throw new FormatException($"destination={question.Destination}: use ADDRESS:PORT.");
        }

        var steps = new List<string> { $"{question.Identity?.ToString() ?? "a client without identity"} connects from {question.Client} for {authority}" };
        if (server.Protocol != TunnelProtocol.Hbone)
        {
            steps.Add($"{server.Uid} is not in the mesh: no policy is looked at");
            return new HopAnswer { Proxy = $"no proxy of {Name(server)}{On(server)}", Steps = steps, Next = Onward.Application };
        }

        var address = authority.Address ?? server.Addresses.FirstOrDefault() ?? IPAddress.None;
        var inbound = InboundRouter.Decide(mesh, new InboundRequest(server.Network, server, server.Addresses.Contains(address) ? address : server.Addresses.FirstOrDefault() ?? address, authority));
        var refusal = inbound.Detail is { } detail ? $"{inbound.Status}: {detail}" : null;
        if (inbound.Destination is { } destination)
        {
            var facts = new ConnectionFacts(question.Client, question.Identity, destination.Address, destination.Port);
            var verdict = Authorizer.Evaluate(mesh, server, facts);
            var words = VerdictExplanation.Render(mesh, server, facts, verdict);
            steps.Add(words);
            if (VerdictExplanation.RenderDryRun(verdict) is { Length: > 0 } dryRun)
            {
                steps.Add(dryRun);
            }

            refusal = verdict.Allowed ? null : words;
            if (verdict.Allowed)
            {
                steps.Add($"connected to the application at {destination}");
            }
        }

        return new HopAnswer
        {
            Proxy = $"ztunnel of {Name(server)}{On(server)}",
            Steps = steps,
            Refusal = refusal,
            Next = refusal is null ? Onward.Application : Onward.End,
        };
    }

    /// <summary>A proxy is asked about its own workloads, whose network it need not be told.</summary>
    private static Workload? Find(MeshSnapshot mesh, IPAddress address) =>
        mesh.FindWorkload("", address) ?? mesh.Workloads.Values.FirstOrDefault(workload => workload.Addresses.Contains(address));

    internal static string Name(Workload workload) => $"{workload.Namespace}/{workload.Name}";

    internal static string On(Workload workload) => workload.Node.Length > 0 ? $" on {workload.Node}" : "";
}
