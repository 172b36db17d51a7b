using System.Text.Json;
using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>Which pods belong into the mesh: by the labels of pod and namespace, never by what the agent itself wrote.</summary>
internal sealed class EnablementSelector
{
    private readonly IReadOnlyList<SelectorPair> _pairs;
    private readonly IReadOnlySet<string> _excludedNamespaces;

    /// <param name="pairs">Any pair enrols; both parts of a pair must match; an absent part matches everything.</param>
    /// <param name="excludedNamespaces">Namespaces whose pods are never enrolled.</param>
    public EnablementSelector(IReadOnlyList<SelectorPair> pairs, IEnumerable<string> excludedNamespaces)
    {
        _pairs = pairs;
        _excludedNamespaces = excludedNamespaces.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>
    /// The pod's own label <c>istio.io/dataplane-mode=ambient</c>; or the namespace's, unless the pod says <c>none</c>.
    /// </summary>
    public static readonly IReadOnlyList<SelectorPair> DefaultPairs =
    [
        new()
        {
            PodSelector = new() { MatchLabels = new Dictionary<string, string> { [Labels.DataplaneMode] = Labels.Ambient } },
        },
        new()
        {
            NamespaceSelector = new() { MatchLabels = new Dictionary<string, string> { [Labels.DataplaneMode] = Labels.Ambient } },
            PodSelector = new()
            {
                MatchExpressions = [new() { Key = Labels.DataplaneMode, Operator = "NotIn", Values = [Labels.None] }],
            },
        },
    ];

    /// <summary>The pairs, as the CNI configuration carries them to the plugin.</summary>
    public IReadOnlyList<SelectorPair> Pairs => _pairs;

    /// <summary>Whether the pod is to be captured, and if not, why.</summary>
    public EnablementVerdict Decide(Pod pod, Namespace ns)
    {
        if (_excludedNamespaces.Contains(ns.Metadata.Name))
        {
            return new(false, $"namespace {ns.Metadata.Name} is excluded");
        }

        if (pod.Spec?.HostNetwork == true)
        {
            return new(false, "it uses the node's network");
        }

        if (pod.Metadata.Annotation(Annotations.SidecarStatus) is not null)
        {
            return new(false, "it has a sidecar");
        }

        return _pairs.Any(pair => pair.Matches(pod.Metadata.Labels, ns.Metadata.Labels))
            ? new(true, "its labels or its namespace's ask for it")
            : new(false, "neither its labels nor its namespace's ask for it");
    }

    /// <summary>Reads the list that AMBIENT_ENABLEMENT_SELECTOR or the CNI configuration holds, as JSON.</summary>
    /// <exception cref="FormatException">It is not such a list; the message shows one.</exception>
    public static IReadOnlyList<SelectorPair> Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, EnrolmentJson.Default.IReadOnlyListSelectorPair) ?? [];
        }
        catch (JsonException failure)
        {
            throw new FormatException(
                "The enablement selector is not a list such as "
                + """[{"podSelector":{"matchLabels":{"istio.io/dataplane-mode":"ambient"}}}]: """ + failure.Message, failure);
        }
    }
}

/// <summary>Selectors of which both must match.</summary>
internal sealed record SelectorPair
{
    public LabelSelector? PodSelector { get; init; }
    public LabelSelector? NamespaceSelector { get; init; }

    public bool Matches(IReadOnlyDictionary<string, string>? pod, IReadOnlyDictionary<string, string>? ns) =>
        (PodSelector?.Matches(pod) ?? true) && (NamespaceSelector?.Matches(ns) ?? true);
}

/// <summary>Whether a pod is to be captured, and the reason in words.</summary>
internal readonly record struct EnablementVerdict(bool Enrol, string Reason);
