using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Ambient.Api;
using Ambient.Api.Security;
using Ambient.Mesh.Http;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Tests.Http;

/// <summary>
/// Random routes and policies over few words, so that most of them hit: decisions equal those of a plain reading of the resource as it is written
/// in the contract, are the same when asked again, and their explanations say the same.
/// </summary>
public sealed class HttpPropertyTests
{
    private static readonly string[] Paths = ["/", "/a", "/a/", "/a/b", "/ab", "/A/b", "/a/b/c"];
    private static readonly string[] Methods = ["GET", "POST", "DELETE"];
    private static readonly string[] Hosts = ["shop.example", "shop.example:8080", "SHOP.example", "pay.example"];
    private static readonly string[] Words = ["red", "blue", ""];
    private static readonly string[] Accounts = ["web", "web-admin", "bot"];
    private static readonly string[] Namespaces = ["shop", "pay"];
    private static readonly string[] Addresses = ["10.0.0.1", "10.0.0.11", "192.0.2.7"];

    [Fact]
    public void Verdicts_are_those_of_a_plain_reading()
    {
        var random = new Random(20261121);
        var reasons = new HashSet<HttpVerdictReason>();
        for (var round = 0; round < 600; round++)
        {
            var policies = Enumerable.Range(0, random.Next(1, 4)).Select(_ => RandomPolicy(random)).ToArray();
            var scene = new Scene().With("policies: [\"shop/p0\"]")
                .WithService("shop", "shop.example", $"policies: [{string.Join(", ", policies.Select((_, i) => $"\"shop/p{i}\""))}]");
            for (var i = 0; i < policies.Length; i++)
            {
                scene.WithPolicy($"shop/p{i}", policies[i]);
            }

            for (var call = 0; call < 8; call++)
            {
                var request = RandomRequest(random);
                var verdict = scene.Verdict(request);
                reasons.Add(verdict.Reason);
                Assert.Equal(Plainly(policies, request), (verdict.Allowed, verdict.Policy?.Key, verdict.RuleIndex, verdict.Audited?.Key));
                Assert.Equal(verdict, scene.Verdict(request));
                var words = HttpVerdictExplanation.Render(scene.Waypoint, Scene.Shop, request.Facts, verdict);
                Assert.StartsWith(verdict.Reason switch
                {
                    HttpVerdictReason.AllowedByPolicy => $"allowed by: {verdict.Policy!.Key} (rule {verdict.RuleIndex}: ",
                    HttpVerdictReason.DeniedByPolicy => $"explicitly denied by: {verdict.Policy!.Key} (rule {verdict.RuleIndex}: ",
                    HttpVerdictReason.NotAllowed => "allow policies exist, but none allowed (nearest: shop/p",
                    _ => "allowed: no policy that allows applies",
                }, words, StringComparison.Ordinal);
            }
        }

        Assert.Equal(4, reasons.Count);
    }

    [Fact]
    public void Routes_are_those_of_a_plain_reading()
    {
        var random = new Random(20261122);
        var (taken, missed) = (0, 0);
        for (var round = 0; round < 600; round++)
        {
            var service = new Way.Service { Namespace = "shop", Hostname = "shop.example", Bound = true };
            for (var i = random.Next(1, 5); i > 0; i--)
            {
                var route = new Way.Route { Source = $"R{i}", Response = new Way.DirectResponse { Status = 200 } };
                route.Ports.AddRange(random.Next(3) == 0 ? [(uint)random.Next(80, 83)] : []);
                route.Matches.AddRange(Enumerable.Range(0, random.Next(0, 3)).Select(_ => RandomMatch(random)));
                service.Routes.Add(route);
            }

            var scene = new Scene().With("").WithService(service);
            for (var call = 0; call < 8; call++)
            {
                var request = RandomRequest(random);
                var decision = scene.Decide(request);
                var ofPort = service.Routes.Where(route => route.Ports.Count == 0 || route.Ports.Contains((uint)request.Connection.DestinationPort)).ToArray();
                var plain = ofPort.FirstOrDefault(route => route.Matches.Count == 0 || route.Matches.Any(match => Plainly(match, request)));
                Assert.Equal(
                    ofPort.Length == 0 ? RouteOutcome.Forward : plain is null ? RouteOutcome.NoRoute : RouteOutcome.Respond,
                    decision.Outcome);
                Assert.Equal(plain?.Source, decision.Route?.Source);
                Assert.Equal(decision, scene.Decide(request));
                var steps = HttpRouteExplanation.Steps(Scene.Shop, request.Facts, decision);
                Assert.Equal(ofPort.TakeWhile(route => route != plain).Count(), steps.Count(step => step.Contains(" does not match: ", StringComparison.Ordinal)));
                _ = plain is null ? missed++ : taken++;
            }
        }

        Assert.InRange(taken, 1000, 4000);
        Assert.InRange(missed, 500, 4000);
    }

    private static Request RandomRequest(Random random)
    {
        var headers = new List<string> { $"host: {Of(Hosts, random)}" };
        if (random.Next(2) == 0)
        {
            headers.Add($"x-team: {Of(Words, random)}");
        }

        var query = random.Next(3) switch { 0 => "?team=red", 1 => "?x&team=blue&team=red", _ => "" };
        return new Request($"{Of(Methods, random)} {Of(Paths, random)}{query}", [.. headers])
        {
            Connection = new(
                IPAddress.Parse(Of(Addresses, random)),
                random.Next(5) == 0 ? null : new SpiffeId("cluster.local", Of(Namespaces, random), Of(Accounts, random)),
                IPAddress.Parse("10.96.0.9"),
                random.Next(80, 83)),
        };
    }

    private static Way.Match RandomMatch(Random random)
    {
        var match = new Way.Match();
        if (random.Next(2) == 0)
        {
            var path = Of(Paths, random);
            match.Path = random.Next(4) switch
            {
                0 => new Way.PathMatch { Exact = path },
                1 => new Way.PathMatch { Segments = path },
                2 => new Way.PathMatch { Prefix = path },
                _ => new Way.PathMatch { Regex = $"{path}.?" },
            };
            match.IgnoreCase = random.Next(4) == 0;
        }

        if (random.Next(4) == 0)
        {
            match.Method = Text(Methods, random);
        }

        if (random.Next(4) == 0)
        {
            match.Authority = new Way.TextMatch { Exact = Of(Hosts, random) };
        }

        if (random.Next(3) == 0)
        {
            match.Headers.Add(new Way.NameMatch { Name = "X-Team", Value = Text(Words, random), Invert = random.Next(3) == 0 });
        }

        if (random.Next(3) == 0)
        {
            match.Query.Add(new Way.NameMatch { Name = "team", Value = Text(Words, random), Invert = random.Next(3) == 0 });
        }

        return match;
    }

    private static Way.TextMatch Text(string[] words, Random random) => random.Next(4) switch
    {
        0 => new Way.TextMatch { Exact = Of(words, random) },
        1 => new Way.TextMatch { Prefix = Of(words, random) is var word && word.Length > 1 ? word[..2] : word },
        2 => new Way.TextMatch { Regex = Of(words, random) + ".?" },
        _ => new Way.TextMatch { Present = true },
    };

    private static bool Plainly(Way.Match match, Request request) =>
        (match.Path is null || Plainly(match.Path, match.IgnoreCase ? request.Path.ToLowerInvariant() : request.Path, match.IgnoreCase))
        && (match.Method is null || Plainly(match.Method, request.Method))
        && (match.Authority is null || new[] { request.Authority, request.Authority.Split(':')[0] }
            .Any(host => string.Equals(host, match.Authority.Exact, StringComparison.OrdinalIgnoreCase)))
        && match.Headers.All(header => (request.TryGet(new HeaderName(header.Name), [], out var value) && Plainly(header.Value, value.ToString())) != header.Invert)
        && match.Query.All(parameter =>
        {
            var value = request.Query.TrimStart('?').Split('&').FirstOrDefault(pair => pair.Split('=')[0] == parameter.Name)?.Split('=').ElementAtOrDefault(1);
            return (value is not null && Plainly(parameter.Value, value)) != parameter.Invert;
        });

    private static bool Plainly(Way.PathMatch match, string path, bool lower)
    {
        return match.KindCase switch
        {
            Way.PathMatch.KindOneofCase.Exact => path == Cased(match.Exact),
            Way.PathMatch.KindOneofCase.Segments => (path + "/").StartsWith(Cased(match.Segments).TrimEnd('/') + "/", StringComparison.Ordinal),
            Way.PathMatch.KindOneofCase.Prefix => path.StartsWith(Cased(match.Prefix), StringComparison.Ordinal),
            _ => Regex.IsMatch(path, $"^({Cased(match.Regex)})$"),
        };

        string Cased(string text) => lower ? text.ToLowerInvariant() : text;
    }

    private static bool Plainly(Way.TextMatch match, string text) => match.KindCase switch
    {
        Way.TextMatch.KindOneofCase.Exact => text == match.Exact,
        Way.TextMatch.KindOneofCase.Prefix => text.StartsWith(match.Prefix, StringComparison.Ordinal),
        Way.TextMatch.KindOneofCase.Regex => Regex.IsMatch(text, $"^({match.Regex})$"),
        _ => true,
    };

    private static Way.Authorization RandomPolicy(Random random)
    {
        var policy = new Way.Authorization { Action = (Way.Authorization.Types.Action)random.Next(3) };
        for (var i = random.Next(0, 4); i > 0; i--)
        {
            var rule = new Way.AuthorizationRule();
            rule.From.AddRange(Enumerable.Range(0, random.Next(0, 3)).Select(_ => RandomSource(random)));
            rule.To.AddRange(Enumerable.Range(0, random.Next(0, 3)).Select(_ => RandomOperation(random)));
            if (random.Next(3) == 0)
            {
                var condition = new Way.Condition { Key = "request.headers[X-Team]" };
                Add(condition.Values, random, Words);
                Add(condition.NotValues, random, Words);
                rule.When.AddRange(condition.Values.Count + condition.NotValues.Count > 0 ? [condition] : []);
            }

            policy.Rules.Add(rule);
        }

        return policy;
    }

    private static Way.Source RandomSource(Random random)
    {
        var source = new Way.Source();
        Add(source.Namespaces, random, Namespaces);
        Add(source.NotNamespaces, random, Namespaces);
        var principals = Accounts.Select(account => $"cluster.local/ns/shop/sa/{account}").ToArray();
        Add(source.Principals, random, principals);
        Add(source.NotPrincipals, random, principals);
        if (random.Next(4) == 0)
        {
            source.ServiceAccounts.Add(new ServiceAccountMatch { Namespace = Of(Namespaces, random), ServiceAccount = Of(Accounts, random) });
        }

        if (random.Next(4) == 0)
        {
            source.NotIps.Add(new Address { Address_ = ByteString.CopyFrom(IPAddress.Parse(Of(Addresses, random)).GetAddressBytes()), Length = (uint)random.Next(28, 33) });
        }

        return source;
    }

    private static Way.Operation RandomOperation(Random random)
    {
        var operation = new Way.Operation();
        Add(operation.Hosts, random, Hosts);
        Add(operation.NotHosts, random, Hosts);
        Add(operation.Methods, random, Methods);
        Add(operation.NotMethods, random, Methods);
        var paths = new RepeatedField<StringMatch>();
        Add(paths, random, Paths);
        operation.Paths.AddRange(paths.Select(path => new Way.PathPattern { Text = path }));
        paths.Clear();
        Add(paths, random, Paths);
        operation.NotPaths.AddRange(paths.Select(path => new Way.PathPattern { Text = path }));
        operation.Ports.AddRange(random.Next(4) == 0 ? [(uint)random.Next(80, 83)] : []);
        operation.NotPorts.AddRange(random.Next(4) == 0 ? [(uint)random.Next(80, 83)] : []);
        return operation;
    }

    private static void Add(RepeatedField<StringMatch> list, Random random, string[] words)
    {
        for (var i = random.Next(4) == 0 ? random.Next(1, 3) : 0; i > 0; i--)
        {
            var word = Of(words, random);
            list.Add(random.Next(4) switch
            {
                0 => new StringMatch { Exact = word },
                1 => new StringMatch { Prefix = word[..(word.Length / 2)] },
                2 => new StringMatch { Suffix = word[(word.Length / 2)..] },
                _ => new StringMatch { Presence = new() },
            });
        }
    }

    private static (bool Allowed, string? Policy, int Rule, string? Audited) Plainly(Way.Authorization[] policies, Request request)
    {
        var audited = Find(Way.Authorization.Types.Action.Audit).Policy;
        var denied = Find(Way.Authorization.Types.Action.Deny);
        if (denied.Policy is not null || policies.All(policy => policy.Action != Way.Authorization.Types.Action.Allow))
        {
            return (denied.Policy is null, denied.Policy, denied.Rule, audited);
        }

        var allowed = Find(Way.Authorization.Types.Action.Allow);
        return (allowed.Policy is not null, allowed.Policy, allowed.Rule, audited);

        (string? Policy, int Rule) Find(Way.Authorization.Types.Action action)
        {
            for (var i = 0; i < policies.Length; i++)
            {
                var rule = policies[i].Action == action ? policies[i].Rules.ToList().FindIndex(one => Plainly(one, request)) : -1;
                if (rule >= 0)
                {
                    return ($"shop/p{i.ToString(CultureInfo.InvariantCulture)}", rule);
                }
            }

            return (null, -1);
        }
    }

    private static bool Plainly(Way.AuthorizationRule rule, Request request)
    {
        var identity = request.Connection.Identity;
        var hosts = new[] { request.Authority, request.Authority.Split(':')[0] }.Select(host => host.ToUpperInvariant()).ToArray();
        var header = request.TryGet(new HeaderName("x-team"), [], out var found) ? found.ToString() : null;
        return (rule.From.Count == 0 || rule.From.Any(From)) && (rule.To.Count == 0 || rule.To.Any(To))
            && rule.When.All(condition => Fits(condition.Values, condition.NotValues, list => header is not null && list.Any(match => Has(match) || Plainly(match, header))));

        bool From(Way.Source source) =>
            Fits(source.Namespaces, source.NotNamespaces, list => list.Any(match => Plainly(match, identity?.Namespace ?? "")))
            && Fits(source.Principals, source.NotPrincipals, list => identity is not null && list.Any(match => Plainly(match, identity.Value.Principal)))
            && (source.ServiceAccounts.Count == 0
                || source.ServiceAccounts.Any(account => identity is { } id && (account.Namespace, account.ServiceAccount) == (id.Namespace, id.ServiceAccount)))
            && !source.NotIps.Any(range => new IPNetwork(Base(range), (int)range.Length).Contains(request.Connection.Source));

        bool To(Way.Operation operation) =>
            Fits(operation.Hosts, operation.NotHosts, list => list.Any(match => hosts.Any(host => Plainly(Upper(match), host))))
            && Fits(operation.Methods, operation.NotMethods, list => list.Any(match => Plainly(match, request.Method)))
            && Fits(operation.Paths, operation.NotPaths, list => list.Any(pattern => Plainly(pattern.Text, request.Path)))
            && Fits(operation.Ports, operation.NotPorts, list => list.Contains((uint)request.Connection.DestinationPort));

        static bool Fits<T>(RepeatedField<T> any, RepeatedField<T> none, Func<RepeatedField<T>, bool> holds) => (any.Count == 0 || holds(any)) && !(none.Count > 0 && holds(none));

        static bool Has(StringMatch match) => match.MatchTypeCase == StringMatch.MatchTypeOneofCase.Presence;
    }

    private static StringMatch Upper(StringMatch match) => match.MatchTypeCase switch
    {
        StringMatch.MatchTypeOneofCase.Exact => new StringMatch { Exact = match.Exact.ToUpperInvariant() },
        StringMatch.MatchTypeOneofCase.Prefix => new StringMatch { Prefix = match.Prefix.ToUpperInvariant() },
        StringMatch.MatchTypeOneofCase.Suffix => new StringMatch { Suffix = match.Suffix.ToUpperInvariant() },
        _ => match,
    };

    private static bool Plainly(StringMatch match, string text) => match.MatchTypeCase switch
    {
        StringMatch.MatchTypeOneofCase.Exact => text == match.Exact,
        StringMatch.MatchTypeOneofCase.Prefix => text.StartsWith(match.Prefix, StringComparison.Ordinal),
        StringMatch.MatchTypeOneofCase.Suffix => text.EndsWith(match.Suffix, StringComparison.Ordinal),
        _ => text.Length > 0,
    };

    private static IPAddress Base(Address range)
    {
        var bits = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(range.Address_.Span) & (uint.MaxValue << (32 - (int)range.Length));
        return new IPAddress(IPAddress.HostToNetworkOrder((int)bits) & 0xffffffffL);
    }

    private static string Of(string[] words, Random random) => words[random.Next(words.Length)];
}
