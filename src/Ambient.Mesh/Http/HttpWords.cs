using System.Collections.Immutable;
using System.Globalization;
using Ambient.Api;

namespace Ambient.Mesh.Http;

/// <summary>
/// The attributes that rules set, with the request's value: sentences that are true whether the attribute holds or not. Made only when somebody asks,
/// by the same matching, one attribute at a time.
/// </summary>
internal static class HttpWords
{
    private const string NoIdentity = "(no identity)";

    /// <summary>What a source sets, in the order in which it is evaluated, and whether it holds.</summary>
    public static List<(string Words, bool Holds)> Of(HttpSource source, in HttpEvaluation evaluation)
    {
        var identity = evaluation.Request.Connection.Identity;
        var account = identity is { } id ? $"{id.Namespace}/{id.ServiceAccount}" : NoIdentity;
        var principal = identity?.Principal ?? NoIdentity;
        var words = new Sentences<HttpSource>(evaluation, static (in HttpEvaluation evaluation, HttpSource one) => evaluation.Holds(one));
        words.Add("service account", account, source.ServiceAccounts, only => new HttpSource { ServiceAccounts = only });
        words.AddNot("service account", account, source.NotServiceAccounts, only => new HttpSource { NotServiceAccounts = only });
        words.Add("source namespace", identity?.Namespace ?? NoIdentity, source.Namespaces, only => new HttpSource { Namespaces = only });
        words.AddNot("source namespace", identity?.Namespace ?? NoIdentity, source.NotNamespaces, only => new HttpSource { NotNamespaces = only });
        words.Add("principal", principal, source.Principals, only => new HttpSource { Principals = only });
        words.AddNot("principal", principal, source.NotPrincipals, only => new HttpSource { NotPrincipals = only });
        words.Add("source address", evaluation.Request.Connection.Source.ToString(), source.Ips, only => new HttpSource { Ips = only });
        words.AddNot("source address", evaluation.Request.Connection.Source.ToString(), source.NotIps, only => new HttpSource { NotIps = only });
        if (evaluation.IsHttp)
        {
            words.Add("request principal", "(no verified token)", source.RequestPrincipals, only => new HttpSource { RequestPrincipals = only });
            words.AddNot("request principal", "(no verified token)", source.NotRequestPrincipals, only => new HttpSource { NotRequestPrincipals = only });
        }

        return words.All;
    }

    /// <summary>What an operation sets.</summary>
    public static List<(string Words, bool Holds)> Of(HttpOperation operation, in HttpEvaluation evaluation)
    {
        var port = evaluation.Request.Connection.DestinationPort.ToString(CultureInfo.InvariantCulture);
        var words = new Sentences<HttpOperation>(evaluation, static (in HttpEvaluation evaluation, HttpOperation one) => evaluation.Holds(one));
        words.Add("destination port", port, operation.Ports, only => new HttpOperation { Ports = only });
        words.AddNot("destination port", port, operation.NotPorts, only => new HttpOperation { NotPorts = only });
        if (evaluation.IsHttp)
        {
            var request = evaluation.Request;
            words.Add("method", request.Method, operation.Methods, only => new HttpOperation { Methods = only });
            words.AddNot("method", request.Method, operation.NotMethods, only => new HttpOperation { NotMethods = only });
            words.Add("path", request.Path, operation.Paths, only => new HttpOperation { Paths = only });
            words.AddNot("path", request.Path, operation.NotPaths, only => new HttpOperation { NotPaths = only });
            words.Add("host", request.Authority, operation.Hosts, only => new HttpOperation { Hosts = only });
            words.AddNot("host", request.Authority, operation.NotHosts, only => new HttpOperation { NotHosts = only });
        }

        return words.All;
    }

    /// <summary>What a condition sets.</summary>
    public static List<(string Words, bool Holds)> Of(HttpCondition condition, in HttpEvaluation evaluation)
    {
        var value = Value(condition, evaluation);
        var bare = condition with { Values = [], NotValues = [], Ips = [], NotIps = [], Ports = [], NotPorts = [] };
        var words = new Sentences<HttpCondition>(evaluation, static (in HttpEvaluation evaluation, HttpCondition one) => evaluation.Holds(one));
        if (evaluation.IsHttp || condition.Key is not (ConditionKey.Header or ConditionKey.Token))
        {
            words.Add(condition.Name, value, condition.Values, only => bare with { Values = only });
            words.AddNot(condition.Name, value, condition.NotValues, only => bare with { NotValues = only });
            words.Add(condition.Name, value, condition.Ips, only => bare with { Ips = only });
            words.AddNot(condition.Name, value, condition.NotIps, only => bare with { NotIps = only });
            words.Add(condition.Name, value, condition.Ports, only => bare with { Ports = only });
            words.AddNot(condition.Name, value, condition.NotPorts, only => bare with { NotPorts = only });
        }

        return words.All;
    }

    private static string Value(HttpCondition condition, in HttpEvaluation evaluation)
    {
        var facts = evaluation.Request.Connection;
        return condition.Key switch
        {
            ConditionKey.Header => !evaluation.IsHttp ? "" : RouteMatching.TryGetHeader(condition.Header!, evaluation.Request, [], out var header)
                ? header.ToString()
                : "(absent)",
            ConditionKey.SourceIp => facts.Source.ToString(),
            ConditionKey.SourceNamespace => facts.Identity?.Namespace ?? NoIdentity,
            ConditionKey.SourcePrincipal => facts.Identity?.Principal ?? NoIdentity,
            ConditionKey.SourceServiceAccount => facts.Identity is { } id ? $"{id.Namespace}/{id.ServiceAccount}" : NoIdentity,
            ConditionKey.DestinationIp => facts.DestinationAddress.ToString(),
            ConditionKey.DestinationPort => facts.DestinationPort.ToString(CultureInfo.InvariantCulture),
            ConditionKey.Sni => evaluation.Sni ?? "(none)",
            _ => "(no verified token)",
        };
    }

    private delegate bool Test<T>(in HttpEvaluation evaluation, T one);

    private readonly ref struct Sentences<T>(in HttpEvaluation evaluation, Test<T> test)
    {
        private readonly HttpEvaluation _evaluation = evaluation;

        public List<(string Words, bool Holds)> All { get; } = [];

        public void Add<TValue>(string what, ReadOnlySpan<char> value, ImmutableArray<TValue> list, Func<ImmutableArray<TValue>, T> only)
        {
            if (!list.IsEmpty)
            {
                var holds = test(_evaluation, only(list));
                All.Add(($"{what} {value} is {(holds ? "one" : "none")} of [{string.Join(", ", list)}]", holds));
            }
        }

        public void AddNot<TValue>(string what, ReadOnlySpan<char> value, ImmutableArray<TValue> list, Func<ImmutableArray<TValue>, T> only)
        {
            if (!list.IsEmpty)
            {
                var holds = test(_evaluation, only(list));
                All.Add(($"{what} {value} is {(holds ? "none" : "one")} of [{string.Join(", ", list)}]", holds));
            }
        }
    }
}
