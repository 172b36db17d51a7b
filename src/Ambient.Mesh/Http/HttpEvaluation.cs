using System.Collections.Immutable;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Http;

/// <summary>One request, or one connection that is not HTTP, against rules. On the stack; allocates nothing for values of usual length.</summary>
internal readonly ref struct HttpEvaluation
{
    /// <summary>Room for a usual header value; longer ones are the source's to keep.</summary>
    private const int UsualValue = 256;

    private readonly Evaluation _connection;
    private readonly HttpRequestFacts _request;

    public HttpEvaluation(in HttpRequestFacts request, Span<char> buffer)
    {
        _request = request;
        _connection = new Evaluation(_request.Connection, buffer);
        IsHttp = true;
    }

    public HttpEvaluation(in ConnectionFacts connection, string? sni, Span<char> buffer)
    {
        _request = new HttpRequestFacts { Connection = connection, Method = default, Path = default, Authority = default, Headers = NoHeaders.Instance };
        _connection = new Evaluation(_request.Connection, buffer);
        Sni = sni;
    }

    /// <summary>The request; of a connection that is not HTTP it has nothing but that.</summary>
    public HttpRequestFacts Request => _request;

    /// <summary>Whether it is HTTP.</summary>
    public bool IsHttp { get; }

    /// <summary>The server name that the connection's TLS asks for.</summary>
    public string? Sni { get; }

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
        if (!IsHttp && rule.NeedsHttp && action == HttpPolicyAction.Allow)
        {
            return false;
        }

        return HoldsFrom(rule.From) && HoldsTo(rule.To) && HoldsWhen(rule.When);
    }

    public bool HoldsFrom(ImmutableArray<HttpSource> sources)
    {
        foreach (var source in sources)
        {
            if (Holds(source))
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
            if (Holds(operation))
            {
                return true;
            }
        }

        return operations.IsEmpty;
    }

    /// <summary>Whether all that a source sets holds. There is never a verified token, so a request principal never does.</summary>
    public bool Holds(HttpSource source) =>
        (source.ServiceAccounts.IsEmpty || _connection.HasAccount(source.ServiceAccounts)) && !_connection.HasAccount(source.NotServiceAccounts)
        && (source.Namespaces.IsEmpty || _connection.HasNamespace(source.Namespaces)) && !_connection.HasNamespace(source.NotNamespaces)
        && (source.Principals.IsEmpty || _connection.HasPrincipal(source.Principals)) && !_connection.HasPrincipal(source.NotPrincipals)
        && (source.Ips.IsEmpty || _connection.ComesFrom(source.Ips)) && !_connection.ComesFrom(source.NotIps)
        && (source.RequestPrincipals.IsEmpty || !IsHttp);

    /// <summary>Whether all that an operation sets holds, cheap comparisons first.</summary>
    public bool Holds(HttpOperation operation) =>
        (operation.Ports.IsEmpty || _connection.HasPort(operation.Ports)) && !_connection.HasPort(operation.NotPorts)
        && (!IsHttp || HoldsRequest(operation));

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
                return !IsHttp || HoldsHeader(condition);
            case ConditionKey.Token:
                return !IsHttp || condition.Values.IsEmpty;
            default:
                return (condition.Values.IsEmpty || (Sni is not null && Any(condition.Values, Sni)))
                    && !(Sni is not null && Any(condition.NotValues, Sni));
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

    private bool HoldsRequest(HttpOperation operation) =>
        (operation.Methods.IsEmpty || Any(operation.Methods, _request.Method)) && !Any(operation.NotMethods, _request.Method)
        && (operation.Paths.IsEmpty || AnyPath(operation.Paths, _request.Path)) && !AnyPath(operation.NotPaths, _request.Path)
        && (operation.Hosts.IsEmpty || AnyHost(operation.Hosts, _request.Authority)) && !AnyHost(operation.NotHosts, _request.Authority);

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

/// <summary>A connection that is not HTTP has no header.</summary>
internal sealed class NoHeaders : IHeaderSource
{
    public static NoHeaders Instance { get; } = new();

    public bool TryGet(HeaderName name, Span<char> scratch, out ReadOnlySpan<char> value)
    {
        value = default;
        return false;
    }
}
