using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Ambient.Api;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Explanation;

/// <summary>
/// What a waypoint would do with a request, or with a connection that carries none: the decisions of its data path
/// (<see cref="WaypointRouter"/>, <see cref="HttpAuthorizer"/>, <see cref="HttpRouter"/>), asked for without a request.
/// </summary>
/// <param name="mesh">The mesh as the waypoint knows it.</param>
/// <param name="waypoint">The waypoint's own configuration.</param>
/// <param name="normalise">A path's one spelling, as the waypoint's HTTP server finds it; null for a path that it refuses.</param>
public sealed class WaypointHop(MeshSnapshot mesh, WaypointSnapshot waypoint, Func<string, string?> normalise)
{
    /// <summary>Answers a question.</summary>
    /// <exception cref="FormatException">The question cannot be answered here; says why.</exception>
    public HopAnswer Explain(HopQuestion question, Random random)
    {
        if (question.Hop != Hop.Request)
        {
            throw new FormatException($"hop={question.Hop.ToString().ToLowerInvariant()}: this is a waypoint; ask the node proxy about connections.");
        }

        if (!HboneAuthority.TryParse(question.Destination, out var authority))
        {
            throw new FormatException($"destination={question.Destination}: use ADDRESS:PORT.");
        }

        var self = mesh.Workloads.TryGetValue(question.Server ?? "", out var known)
            ? known
            : throw new FormatException($"server={question.Server}: no workload with this uid is known here.");
        var target = WaypointRouter.Decide(mesh, new WaypointRequest(self.Network, self, question.Identity?.Namespace ?? "", authority));
        var answer = new HopAnswer
        {
            Proxy = $"waypoint {NodeHops.Name(self)}{NodeHops.On(self)}",
            Steps = [],
            Next = Onward.End,
        };
        if (target.Status != 200)
        {
            return answer with { Steps = [target.Detail!], Refusal = $"{target.Status}: {target.Detail}" };
        }

        var connection = new ConnectionFacts(question.Client, question.Identity, authority.Address ?? IPAddress.None, target.Port);
        return IsHttp(target.Protocol, question)
            ? Request(answer, self, target, connection, question, random)
            : Connection(answer, self, target, connection, question, random);
    }

    private static bool IsHttp(AppProtocol protocol, HopQuestion question) => protocol switch
    {
        AppProtocol.Tcp or AppProtocol.Tls => false,
        AppProtocol.Unknown => question.Method is not null,
        _ => true,
    };

    private HopAnswer Connection(
        HopAnswer answer, Workload self, WaypointTarget target, in ConnectionFacts facts, HopQuestion question, Random random)
    {
        var verdict = HttpAuthorizer.EvaluateConnection(waypoint, target.Service?.Key, facts, null);
        var words = HttpVerdictExplanation.RenderConnection(waypoint, target.Service?.Key, facts, verdict);
        var steps = new List<string>
        {
            target.Protocol == AppProtocol.Unknown
                ? "nothing declares what is spoken there: a connection that does not begin as HTTP is passed on as it is. Give METHOD and PATH for a request"
                : question.Method is null
                    ? $"{target.Protocol.ToString().ToUpperInvariant()} is spoken there: the connection is passed on as it is"
                    : $"{target.Protocol.ToString().ToUpperInvariant()} is declared to be spoken there: nothing looks at method, path and headers",
            words,
        };
        Note(steps, verdict);
        return verdict.Allowed
            ? Pass(answer, steps, self, target, null, random)
            : answer with { Steps = steps, Refusal = words };
    }

    private HopAnswer Request(
        HopAnswer answer, Workload self, WaypointTarget target, in ConnectionFacts connection, HopQuestion question, Random random)
    {
        var mark = question.Target.IndexOf('?', StringComparison.Ordinal);
        var written = mark < 0 ? question.Target : question.Target[..mark];
        var steps = new List<string>();
        if (question.Method is null)
        {
            steps.Add("HTTP is spoken there, and no request is given: GET / is assumed");
        }

        if (normalise(written) is not { } path)
        {
            return answer with { Steps = [.. steps, $"path {written} has no safe reading: 400"], Refusal = $"400: path {written} has no safe reading" };
        }

        if (path != written)
        {
            steps.Add($"path {written} is read as {path}");
        }

        var facts = new HttpRequestFacts
        {
            Connection = connection,
            Method = question.Method ?? "GET",
            Path = path,
            Query = mark < 0 ? "" : question.Target[mark..],
            Authority = question.Authority,
            Scheme = "http",
            Headers = new WrittenHeaders(question.Headers),
        };

        // 1. May it?
        var service = target.Service?.Key;
        var verdict = HttpAuthorizer.Evaluate(waypoint, service, facts);
        var words = HttpVerdictExplanation.Render(waypoint, service, facts, verdict);
        steps.Add(verdict.Allowed ? words : $"{words}: 403");
        Note(steps, verdict);
        if (!verdict.Allowed)
        {
            return answer with { Steps = steps, Refusal = words };
        }

        // 2. Where to?
        var route = HttpRouter.Decide(waypoint, service, facts, random);
        steps.AddRange(HttpRouteExplanation.Steps(service, facts, route));
        if (route.Route?.Forward is { Backends.Length: > 1 } forward)
        {
            steps.Add($"the rule's shares: {string.Join(", ", forward.Backends.Select(backend => string.Create(CultureInfo.InvariantCulture, $"{backend.Weight} to {backend.Service ?? "(no service)"} port {backend.Port}")))}; drawn anew for each request");
        }

        if (route.Fault.Aborts || route.Outcome is RouteOutcome.Redirect or RouteOutcome.Respond)
        {
            return answer with { Steps = steps };
        }

        if (route.Outcome != RouteOutcome.Forward)
        {
            return answer with { Steps = steps, Refusal = string.Create(CultureInfo.InvariantCulture, $"{route.Status}: {HttpRouteExplanation.Render(service, facts, route)}") };
        }

        var to = route.Destination is not { } destination ? target
            : mesh.Services.GetValueOrDefault(destination) is { } backend ? new WaypointTarget { Status = 200, Service = backend, Port = (ushort)route.Port }
            : null;
        return to is not null
            ? Pass(answer, steps, self, to, route.Subset, random)
            : answer with { Steps = [.. steps, $"service {route.Destination} is not known: 503"], Refusal = $"503: service {route.Destination} is not known" };
    }

    /// <summary>The endpoint that takes it. Of several it is one that could: which one is taken depends on what else is under way.</summary>
    private HopAnswer Pass(
        HopAnswer answer, List<string> steps, Workload self, WaypointTarget target, ImmutableHashSet<string>? subset, Random random)
    {
        var address = self.Addresses.FirstOrDefault() ?? IPAddress.None;
        var request = new OutboundRequest(self.Network, self, address, new IPEndPoint(target.Workload?.Addresses.FirstOrDefault() ?? address, target.Port))
        {
            Tried = subset is null || target.Service is null
                ? null
                : [.. mesh.EndpointsOf(target.Service.Key).All.ToArray().Select(endpoint => endpoint.Workload.Uid).Where(uid => !subset.Contains(uid))],
        };
        var decision = WaypointRouter.Onward(mesh, target, request, random);
        if (decision.Kind == OutboundKind.Refused)
        {
            var refusal = RouteExplanation.Render(decision);
            return answer with { Steps = [.. steps, $"{refusal}: 503"], Refusal = refusal };
        }

        steps.AddRange(RouteExplanation.Steps(decision).Skip(2)); // who asks for what was said
        return answer with
        {
            Steps = steps,
            Next = decision.Kind == OutboundKind.Hbone ? Onward.Tunnel : decision.Endpoint is null ? Onward.Outside : Onward.Plaintext,
            Server = decision.Endpoint?.Uid,
            ServerName = decision.Endpoint is { } endpoint ? NodeHops.Name(endpoint) : null,
            ServerNode = decision.Endpoint?.Node,
            Destination = decision.Authority ?? decision.Dial?.ToString(),
            Client = address.ToString(),
            Identity = decision.Kind == OutboundKind.Hbone ? self.Identity.ToString() : null,
        };
    }

    private static void Note(List<string> steps, in HttpVerdict verdict)
    {
        if (HttpVerdictExplanation.RenderNotes(verdict) is { Length: > 0 } notes)
        {
            steps.Add(notes);
        }
    }

    /// <summary>Header fields as somebody wrote them.</summary>
    private sealed class WrittenHeaders(ImmutableArray<KeyValuePair<string, string>> headers) : IHeaderSource
    {
        public bool TryGet(HeaderName name, Span<char> scratch, out ReadOnlySpan<char> value)
        {
            var values = headers.Where(header => header.Key.Equals(name.Text, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value).ToArray();
            value = string.Join(',', values);
            return values.Length > 0;
        }
    }
}
