using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Policies;

/// <summary>What is wrong with a policy, each finding with the field it is in and what belongs there.</summary>
internal static class PolicyValidation
{
    private static readonly string[] Modes = ["", "UNSET", "DISABLE", "PERMISSIVE", "STRICT"];
    private static readonly string[] TargetKinds = ["Service", "ServiceEntry", "Gateway", "GatewayClass"];

    public static IEnumerable<string> Problems(AuthorizationPolicy policy)
    {
        var spec = policy.Spec ?? new AuthorizationPolicySpec();
        var action = spec.Action ?? "ALLOW";
        if (action is not ("ALLOW" or "DENY" or "AUDIT" or "CUSTOM"))
        {
            yield return $"spec.action: '{action}' is none of ALLOW, DENY, AUDIT, CUSTOM";
        }

        if (action == "DENY" && spec.Rules is not { Count: > 0 })
        {
            yield return "spec.rules: a DENY policy without rules denies nobody; name at least one rule, {} for all";
        }

        if ((action == "CUSTOM") != (spec.Provider is not null))
        {
            yield return "spec.provider: goes with the action CUSTOM, and only with it";
        }

        foreach (var problem in TargetProblems(spec))
        {
            yield return problem;
        }

        foreach (var (rule, index) in (spec.Rules ?? []).Select((rule, index) => (rule, index)))
        {
            foreach (var problem in RuleProblems(rule, $"spec.rules[{index}]", policy.Metadata.Namespace ?? ""))
            {
                yield return problem;
            }
        }
    }

    public static IEnumerable<string> Problems(PeerAuthentication policy)
    {
        var spec = policy.Spec ?? new PeerAuthenticationSpec();
        if (!Modes.Contains(spec.Mtls?.Mode ?? ""))
        {
            yield return $"spec.mtls.mode: '{spec.Mtls?.Mode}' is none of UNSET, DISABLE, PERMISSIVE, STRICT";
        }

        if (spec.PortLevelMtls is null)
        {
            yield break;
        }

        if (spec.PortLevelMtls.Count == 0)
        {
            yield return "spec.portLevelMtls: is empty; name a port or leave it out";
        }

        if (spec.Selector?.MatchLabels is not { Count: > 0 })
        {
            yield return "spec.portLevelMtls: needs a selector, for ports are those of workloads";
        }

        foreach (var (port, mtls) in spec.PortLevelMtls)
        {
            if (!PolicyValues.TryPort(port, out _))
            {
                yield return $"spec.portLevelMtls: '{port}' is no port (1 to 65535)";
            }

            if (!Modes.Contains(mtls.Mode ?? ""))
            {
                yield return $"spec.portLevelMtls[{port}].mode: '{mtls.Mode}' is none of UNSET, DISABLE, PERMISSIVE, STRICT";
            }
        }
    }

    private static IEnumerable<string> TargetProblems(AuthorizationPolicySpec spec)
    {
        IEnumerable<PolicyTargetReference> targets = spec.TargetRef is { } single ? [single, .. spec.TargetRefs ?? []] : spec.TargetRefs ?? [];
        if (targets.Any() && spec.Selector is not null)
        {
            yield return "spec: selector and targetRefs exclude each other";
        }

        foreach (var target in targets)
        {
            if (!TargetKinds.Contains(target.Kind))
            {
                yield return $"spec.targetRefs: kind '{target.Kind}' is none of {string.Join(", ", TargetKinds)}";
            }

            if (!string.IsNullOrEmpty(target.Namespace))
            {
                yield return "spec.targetRefs: a policy's targets are in its own namespace; leave namespace out";
            }
        }

        foreach (var (key, value) in spec.Selector?.MatchLabels ?? new Dictionary<string, string>())
        {
            if (key.Length == 0 || key.Contains('*', StringComparison.Ordinal) || value.Contains('*', StringComparison.Ordinal))
            {
                yield return $"spec.selector.matchLabels: '{key}: {value}' must be a label, without wildcards";
            }
        }
    }

    private static IEnumerable<string> RuleProblems(AuthorizationRule rule, string at, string ns)
    {
        foreach (var (from, index) in (rule.From ?? []).Select((from, index) => (from, index)))
        {
            foreach (var problem in SourceProblems(from.Source ?? new RuleSource(), $"{at}.from[{index}].source", ns))
            {
                yield return problem;
            }
        }

        foreach (var (to, index) in (rule.To ?? []).Select((to, index) => (to, index)))
        {
            foreach (var problem in OperationProblems(to.Operation ?? new RuleOperation(), $"{at}.to[{index}].operation"))
            {
                yield return problem;
            }
        }

        foreach (var (condition, index) in (rule.When ?? []).Select((condition, index) => (condition, index)))
        {
            foreach (var problem in ConditionProblems(condition, $"{at}.when[{index}]"))
            {
                yield return problem;
            }
        }
    }

    private static IEnumerable<string> SourceProblems(RuleSource source, string at, string ns)
    {
        var accounts = new[] { source.ServiceAccounts, source.NotServiceAccounts };
        var names = new[] { source.Principals, source.NotPrincipals, source.Namespaces, source.NotNamespaces };
        IReadOnlyList<string>?[] others =
        [
            source.RequestPrincipals, source.NotRequestPrincipals, source.IpBlocks, source.NotIpBlocks, source.RemoteIpBlocks,
            source.NotRemoteIpBlocks, source.TrustDomains, source.NotTrustDomains,
        ];
        IReadOnlyList<string>?[] all = [.. accounts, .. names, .. others];
        if (!all.Any(IsSet))
        {
            yield return $"{at}: is empty; name a source, or leave from out for all";
        }

        if (accounts.Any(IsSet) && names.Any(IsSet))
        {
            yield return $"{at}: serviceAccounts exclude principals and namespaces";
        }

        if (all.Any(HasEmpty))
        {
            yield return $"{at}: an empty string is no value";
        }

        foreach (var text in Values(accounts).Where(text => !PolicyValues.TryServiceAccount(text, ns, out _)))
        {
            yield return $"{at}.serviceAccounts: '{text}' is neither NAME nor NAMESPACE/NAME";
        }

        foreach (var text in Values(source.IpBlocks, source.NotIpBlocks).Where(text => !PolicyValues.TryBlock(text, out _)))
        {
            yield return $"{at}.ipBlocks: '{text}' is neither an address nor a CIDR block";
        }

        foreach (var text in Values(source.RemoteIpBlocks, source.NotRemoteIpBlocks).Where(text => !PolicyValues.TryBlock(text, out _)))
        {
            yield return $"{at}.remoteIpBlocks: '{text}' is neither an address nor a CIDR block";
        }
    }

    private static IEnumerable<string> OperationProblems(RuleOperation operation, string at)
    {
        IReadOnlyList<string>?[] all =
        [
            operation.Hosts, operation.NotHosts, operation.Ports, operation.NotPorts, operation.Methods, operation.NotMethods,
            operation.Paths, operation.NotPaths,
        ];
        if (!all.Any(IsSet))
        {
            yield return $"{at}: is empty; name an operation, or leave to out for all";
        }

        if (all.Any(HasEmpty))
        {
            yield return $"{at}: an empty string is no value";
        }

        foreach (var text in Values(operation.Ports, operation.NotPorts).Where(text => !PolicyValues.TryPort(text, out _)))
        {
            yield return $"{at}.ports: '{text}' is no port (1 to 65535)";
        }
    }

    private static IEnumerable<string> ConditionProblems(RuleCondition condition, string at)
    {
        var key = condition.Key ?? "";
        if (!RuleAttributes.IsKnown(key))
        {
            yield return $"{at}.key: '{key}' is no attribute that policies know";
        }

        if (!IsSet(condition.Values) && !IsSet(condition.NotValues))
        {
            yield return $"{at}: name values or notValues";
        }

        Func<string, bool>? valid = key switch
        {
            "source.ip" or "destination.ip" or "remote.ip" => text => PolicyValues.TryBlock(text, out _),
            "destination.port" => text => PolicyValues.TryPort(text, out _),
            _ => null,
        };
        foreach (var text in Values(condition.Values, condition.NotValues).Where(text => valid?.Invoke(text) == false))
        {
            yield return $"{at}: '{text}' is no value of {key}";
        }
    }

    private static bool IsSet(IReadOnlyList<string>? values) => values is { Count: > 0 };

    private static bool HasEmpty(IReadOnlyList<string>? values) => values?.Contains("") == true;

    private static IEnumerable<string> Values(params IReadOnlyList<string>?[] lists) => lists.SelectMany(list => list ?? []);
}
