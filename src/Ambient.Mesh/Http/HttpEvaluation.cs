using System.Collections.Immutable;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Http;

/// <summary>An attribute that a rule looks at.</summary>
internal enum HttpAttribute
{
    None,
    Principals,
    NotPrincipals,
    Namespaces,
    NotNamespaces,
    ServiceAccounts,
    NotServiceAccounts,
    Ips,
    NotIps,
    RequestPrincipals,
    NotRequestPrincipals,
    Hosts,
    NotHosts,
    Ports,
    NotPorts,
    Methods,
    NotMethods,
    Paths,
    NotPaths,
}

/// <summary>One request, or one connection that is not HTTP, against rules. On the stack; allocates nothing for values of usual length.</summary>
internal readonly ref struct HttpEvaluation
{
    /// <summary>Room for a usual header value; longer ones are the source's to keep.</summary>
    private const int UsualValue = 256;

    private readonly Evaluation _connection;
    private readonly HttpRequestFacts _request;
    private readonly bool _http;
    private readonly string? _sni;

    public HttpEvaluation(in HttpRequestFacts request, Span<char> buffer)
    {
        var connection = request.Connection;
        _connection = new Evaluation(connection, buffer);
        _request = request;
        _http = true;
    }

    public HttpEvaluation(scoped in ConnectionFacts connection, string? sni, Span<char> buffer)
    {
        _connection = new Evaluation(connection, buffer);
        _sni = sni;
    }

    /// <summary>The first policy that matches, and by which rule.</summary>
    public HttpPolicy? First(ImmutableArray<HttpPolicy> policies, out int rule)
    {
        foreach (var policy in policies)
        {
            for (rule = 0; rule < policy.Rules.Length; rule++)
            {
                if (Matches(policy.Action, policy.Rules[rule]))
                {
                    return policy;
                }
            }
        }

        rule = -1;
        return null;
    }

    /// <summary>Whether a rule of a policy holds.</summary>
    public bool Matches(HttpPolicyAction action, HttpRule rule)
    {
        // What HTTP alone could tell does not allow; where it denies, the rest of the rule decides.
        if (!_http && rule.NeedsHttp && action == HttpPolicyAction.Allow)
        {
            return false;
        }

        return HoldsFrom(rule.From) && HoldsTo(rule.To) && HoldsWhen(rule.When);
    }

    public bool HoldsFrom(ImmutableArray<HttpSource> sources)
    {
        foreach (var source in sources)
        {
            if (Failing(source) == HttpAttribute.None)
            {
                return true;
            }
        }

        return sources.IsEmpty;
    }

    public bool HoldsTo(ImmutableArray<HttpOperation> operations)
    {
        foreach (var operation in operations)
        {
            if (Failing(operation) == HttpAttribute.None)
            {
                return true;
            }
        }

        return operations.IsEmpty;
    }

    /// <summary>The first attribute of a source that does not hold, in the order of their cost.</summary>
    public HttpAttribute Failing(HttpSource source)
    {
        if (!source.ServiceAccounts.IsEmpty && !_connection.HasAccount(source.ServiceAccounts))
        {
            return HttpAttribute.ServiceAccounts;
        }

        if (_connection.HasAccount(source.NotServiceAccounts))
        {
            return HttpAttribute.NotServiceAccounts;
        }

        if (!source.Namespaces.IsEmpty && !_connection.HasNamespace(source.Namespaces))
        {
            return HttpAttribute.Namespaces;
        }

        if (_connection.HasNamespace(source.NotNamespaces))
        {
            return HttpAttribute.NotNamespaces;
        }

        if (!source.Principals.IsEmpty && !_connection.HasPrincipal(source.Principals))
        {
            return HttpAttribute.Principals;
        }

        if (_connection.HasPrincipal(source.NotPrincipals))
        {
            return HttpAttribute.NotPrincipals;
        }

        if (!source.Ips.IsEmpty && !_connection.ComesFrom(source.Ips))
        {
            return HttpAttribute.Ips;
        }

        if (_connection.ComesFrom(source.NotIps))
        {
            return HttpAttribute.NotIps;
        }

        // There is never a verified token.
        return _http && !source.RequestPrincipals.IsEmpty ? HttpAttribute.RequestPrincipals : HttpAttribute.None;
    }

    /// <summary>The first attribute of an operation that does not hold, in the order of their cost.</summary>
    public HttpAttribute Failing(HttpOperation operation)
    {
        if (!operation.Ports.IsEmpty && !_connection.HasPort(operation.Ports))
        {
            return HttpAttribute.Ports;
        }

        if (_connection.HasPort(operation.NotPorts))
        {
            return HttpAttribute.NotPorts;
        }

        return _http ? FailingRequest(operation) : HttpAttribute.None;
    }

    /// <summary>Whether a condition holds.</summary>
    public bool Holds(HttpCondition condition)
    {
        switch (condition.Key)
        {
            case ConditionKey.SourceIp:
                return (condition.Ips.IsEmpty || _connection.ComesFrom(condition.Ips)) && !_connection.ComesFrom(condition.NotIps);
            case ConditionKey.DestinationIp:
                return (condition.Ips.IsEmpty || _connection.GoesTo(condition.Ips)) && !_connection.GoesTo(condition.NotIps);
            case ConditionKey.DestinationPort:
                return (condition.Ports.IsEmpty || _connection.HasPort(condition.Ports)) && !_connection.HasPort(condition.NotPorts);
            case ConditionKey.SourceNamespace:
                return (condition.Values.IsEmpty || _connection.HasNamespace(condition.Values)) && !_connection.HasNamespace(condition.NotValues);
            case ConditionKey.SourcePrincipal:
                return (condition.Values.IsEmpty || _connection.HasPrincipal(condition.Values)) && !_connection.HasPrincipal(condition.NotValues);
            case ConditionKey.SourceServiceAccount:
                return HoldsAccount(condition);
            case ConditionKey.Header:
                return !_http || HoldsHeader(condition);
            case ConditionKey.Token:
                return !_http || condition.Values.IsEmpty;
            default:
                return (condition.Values.IsEmpty || (_sni is not null && Any(condition.Values, _sni)))
                    && !(_sni is not null && Any(condition.NotValues, _sni));
        }
    }

    private static bool Any(ImmutableArray<StringMatch> matches, ReadOnlySpan<char> text)
    {
        foreach (ref readonly var match in matches.AsSpan())
        {
            if (match.Holds(text))
            {
                return true;
            }
        }

        return false;
    }

    private static bool AnyPath(ImmutableArray<PathPattern> patterns, ReadOnlySpan<char> path)
    {
        foreach (ref readonly var pattern in patterns.AsSpan())
        {
            if (pattern.Holds(path))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The dot that ends an absolute name names the same host.</summary>
    private static bool AnyHost(ImmutableArray<StringMatch> matches, ReadOnlySpan<char> authority)
    {
        var host = HostText.WithoutPort(authority);
        if (host is [.., '.'])
        {
            host = host[..^1];
        }

        foreach (ref readonly var match in matches.AsSpan())
        {
            if (HoldsHost(match, authority) || HoldsHost(match, host))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HoldsHost(in StringMatch match, ReadOnlySpan<char> host) => match.Kind switch
    {
        StringMatchKind.Exact => host.Equals(match.Value, StringComparison.OrdinalIgnoreCase),
        StringMatchKind.Prefix => host.StartsWith(match.Value, StringComparison.OrdinalIgnoreCase),
        StringMatchKind.Suffix => host.EndsWith(match.Value, StringComparison.OrdinalIgnoreCase),
        _ => !host.IsEmpty,
    };

    private bool HoldsWhen(ImmutableArray<HttpCondition> conditions)
    {
        foreach (var condition in conditions)
        {
            if (!Holds(condition))
            {
                return false;
            }
        }

        return true;
    }

    private HttpAttribute FailingRequest(HttpOperation operation)
    {
        if (!operation.Methods.IsEmpty && !Any(operation.Methods, _request.Method))
        {
            return HttpAttribute.Methods;
        }

        if (Any(operation.NotMethods, _request.Method))
        {
            return HttpAttribute.NotMethods;
        }

        if (!operation.Paths.IsEmpty && !AnyPath(operation.Paths, _request.Path))
        {
            return HttpAttribute.Paths;
        }

        if (AnyPath(operation.NotPaths, _request.Path))
        {
            return HttpAttribute.NotPaths;
        }

        if (!operation.Hosts.IsEmpty && !AnyHost(operation.Hosts, _request.Authority))
        {
            return HttpAttribute.Hosts;
        }

        return AnyHost(operation.NotHosts, _request.Authority) ? HttpAttribute.NotHosts : HttpAttribute.None;
    }

    private bool HoldsHeader(HttpCondition condition)
    {
        Span<char> scratch = stackalloc char[UsualValue];
        var present = RouteMatching.TryGetHeader(condition.Header!, _request, scratch, out var value);
        return (condition.Values.IsEmpty || (present && AnyValue(condition.Values, value)))
            && !(present && AnyValue(condition.NotValues, value));
    }

    /// <summary>Of a header the bare presence is enough, its value may be empty.</summary>
    private static bool AnyValue(ImmutableArray<StringMatch> matches, ReadOnlySpan<char> value)
    {
        foreach (ref readonly var match in matches.AsSpan())
        {
            if (match.Kind == StringMatchKind.Presence || match.Holds(value))
            {
                return true;
            }
        }

        return false;
    }

    private bool HoldsAccount(HttpCondition condition)
    {
        if (_connection.Account is not { } account)
        {
            return condition.Values.IsEmpty;
        }

        Span<char> buffer = stackalloc char[Evaluation.UsualPrincipal];
        ReadOnlySpan<char> text = buffer.TryWrite($"{account.Namespace}/{account.ServiceAccount}", out var written)
            ? buffer[..written]
            : account.ToString();
        return (condition.Values.IsEmpty || Any(condition.Values, text)) && !Any(condition.NotValues, text);
    }
}
