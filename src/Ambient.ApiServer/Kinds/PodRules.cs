using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Kinds;

/// <summary>What pods and the templates of pods share.</summary>
internal static class PodTemplates
{
    private static readonly string[] ContainerLists = ["containers", "initContainers"];

    public static void Default(JsonObject spec)
    {
        foreach (var container in ContainerLists.SelectMany(list => spec.ObjectsAt(list)))
        {
            // An image that may change under its tag is pulled each time.
            container.SetDefault("imagePullPolicy", IsLatest(container.TextAt("image") ?? "") ? "Always" : "IfNotPresent");
        }

        if (spec.TextAt("serviceAccountName") is { Length: > 0 } account)
        {
            spec.SetDefault("serviceAccount", account);
        }
        else if (spec.TextAt("serviceAccount") is { Length: > 0 } old)
        {
            spec["serviceAccountName"] = old;
        }
    }

    public static void Validate(JsonObject spec, string path, List<Cause> causes)
    {
        if (spec["containers"] is not JsonArray { Count: > 0 })
        {
            causes.Add(Cause.Required($"{path}.containers"));
        }

        foreach (var list in ContainerLists)
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            var index = 0;
            foreach (var container in spec.ObjectsAt(list))
            {
                var at = $"{path}.{list}[{index++}]";
                var name = container.TextAt("name") ?? "";
                if (name.Length == 0)
                {
                    causes.Add(Cause.Required($"{at}.name"));
                }
                else if (!Names.IsLabel(name))
                {
                    causes.Add(Cause.Invalid($"{at}.name", name, Names.LabelRule));
                }
                else if (!names.Add(name))
                {
                    causes.Add(Cause.Duplicate($"{at}.name", name));
                }

                if (string.IsNullOrEmpty(container.TextAt("image")))
                {
                    causes.Add(Cause.Required($"{at}.image"));
                }

                ValidatePorts(container, at, causes);
            }
        }

        string[] policies = ["Always", "OnFailure", "Never"];
        if (spec.TextAt("restartPolicy") is { } policy && !policies.Contains(policy))
        {
            causes.Add(Cause.NotSupported($"{path}.restartPolicy", policy, policies));
        }
    }

    private static void ValidatePorts(JsonObject container, string path, List<Cause> causes)
    {
        var index = 0;
        foreach (var port in container.ObjectsAt("ports"))
        {
            var at = $"{path}.ports[{index++}].containerPort";
            if (port.NumberAt("containerPort") is not { } number)
            {
                causes.Add(Cause.Required(at));
            }
            else if (number is < 1 or > 65535)
            {
                causes.Add(Cause.Invalid(at, number, "must be between 1 and 65535, inclusive"));
            }
        }
    }

    private static bool IsLatest(string image)
    {
        if (image.Contains('@'))
        {
            return false;
        }

        var tag = image[(image.LastIndexOf('/') + 1)..].Split(':');
        return tag.Length == 1 || tag[1] == "latest";
    }
}

/// <summary>Pods.</summary>
internal sealed class PodRules : KindRules
{
    private const string Changeable =
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

    public override IReadOnlyList<string> SelectableFields =>
    [
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ];

    public override void Default(JsonObject body)
    {
        if (body["spec"] is JsonObject spec)
        {
            PodTemplates.Default(spec);
            spec.SetDefault("enableServiceLinks", true);
        }
    }

    public override void Create(JsonObject body, WriteContext context)
    {
        var spec = body.Child("spec");
        if (context.Server.Options.Controllers)
        {
            // As the admission plugin for service accounts does.
            spec.SetDefault("serviceAccountName", "default");
            spec.SetDefault("serviceAccount", spec.TextAt("serviceAccountName"));
        }

        spec.SetDefault("priority", 0);
        spec.SetDefault("preemptionPolicy", "PreemptLowerPriority");
        AddTolerations(spec);
        body["status"] = new JsonObject { ["phase"] = "Pending", ["qosClass"] = QualityOfService(spec) };
    }

    public override void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
        var spec = body.Child("spec");
        if (old is null)
        {
            PodTemplates.Validate(spec, "spec", causes);
        }
        else if (!JsonNode.DeepEquals(Frozen(spec), Frozen(old.Child("spec"))))
        {
            causes.Add(Cause.Forbidden("spec", Changeable));
        }
    }

    /// <summary>The part of a spec that nobody may change: a bound node's name is set through the binding.</summary>
    private static JsonObject Frozen(JsonObject spec)
    {
        var copy = spec.DeepClone().AsObject();
        foreach (var container in copy.ObjectsAt("containers").Concat(copy.ObjectsAt("initContainers")))
        {
            container.Remove("image");
        }

        copy.Remove("activeDeadlineSeconds");
        copy.Remove("tolerations");
        copy.Remove("terminationGracePeriodSeconds");
        copy.Remove("ephemeralContainers");
        return copy;
    }

    private static void AddTolerations(JsonObject spec)
    {
        // As the admission plugin for default tolerations does: five minutes on a node that is lost.
        var tolerations = spec["tolerations"] as JsonArray;
        foreach (var key in new[] { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" })
        {
            if (tolerations?.OfType<JsonObject>().Any(item =>
                (item.TextAt("key") ?? key) == key && (item.TextAt("effect") ?? "NoExecute") == "NoExecute") == true)
            {
                continue;
            }

            if (tolerations is null)
            {
                spec["tolerations"] = tolerations = [];
            }

            tolerations.Add((JsonNode)new JsonObject
            {
                ["key"] = key,
                ["operator"] = "Exists",
                ["effect"] = "NoExecute",
                ["tolerationSeconds"] = 300,
            });
        }
    }

    private static string QualityOfService(JsonObject spec)
    {
        var containers = spec.ObjectsAt("containers").Concat(spec.ObjectsAt("initContainers")).ToList();
        if (containers.All(item => Count(item, "limits") + Count(item, "requests") == 0))
        {
            return "BestEffort";
        }

        string[] both = ["cpu", "memory"];
        return containers.All(item => both.All(name =>
            item.At("resources", "limits", name) is { } limit
            && (item.At("resources", "requests", name) is not { } request || JsonNode.DeepEquals(limit, request))))
            ? "Guaranteed"
            : "Burstable";

        static int Count(JsonObject container, string list) =>
            (container.At("resources", list) as JsonObject)?.Count(entry => entry.Key is "cpu" or "memory") ?? 0;
    }
}

/// <summary>Deployments, replica sets, daemon sets and stateful sets.</summary>
internal sealed class PodSetRules(string plural) : KindRules
{
    public override IReadOnlyList<string> SelectableFields => plural == "replicasets" ? ["status.replicas"] : [];

    public override void Default(JsonObject body)
    {
        if (body["spec"] is not JsonObject spec)
        {
            return;
        }

        if (spec.At("template", "spec") is JsonObject pod)
        {
            PodTemplates.Default(pod);
        }

        var strategyName = plural == "deployments" ? "strategy" : "updateStrategy";
        if (spec[strategyName] is JsonObject strategy && strategy.TextAt("type") == "RollingUpdate")
        {
            var rolling = strategy.Child("rollingUpdate");
            switch (plural)
            {
                case "deployments":
                    rolling.SetDefault("maxUnavailable", "25%");
                    rolling.SetDefault("maxSurge", "25%");
                    break;
                case "daemonsets":
                    rolling.SetDefault("maxUnavailable", 1);
                    rolling.SetDefault("maxSurge", 0);
                    break;
                default:
                    rolling.SetDefault("partition", 0);
                    break;
            }
        }
    }

    public override void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
        var spec = body.Child("spec");
        var selector = spec["selector"] as JsonObject;
        if (selector is null)
        {
            causes.Add(Cause.Required("spec.selector"));
        }
        else if (selector.Count == 0 || (selector["matchLabels"] is null && selector["matchExpressions"] is null))
        {
            causes.Add(Cause.Invalid("spec.selector", selector.DeepClone(), "empty selector is invalid for a set of pods"));
        }
        else if (old is not null && !JsonNode.DeepEquals(old.At("spec", "selector"), selector))
        {
            causes.Add(Cause.Invalid("spec.selector", selector.DeepClone(), "field is immutable"));
        }

        var labels = spec.At("template", "metadata", "labels") as JsonObject;
        if (selector is { Count: > 0 } && !Selectors.LabelSelector.FromJson(selector).Matches(Labels(labels)))
        {
            causes.Add(Cause.Invalid(
                "spec.template.metadata.labels", labels?.DeepClone(), "`selector` does not match template `labels`"));
        }

        if (spec.NumberAt("replicas") < 0)
        {
            causes.Add(Cause.Invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0"));
        }

        PodTemplates.Validate(spec.Child("template").Child("spec"), "spec.template.spec", causes);
    }

    private static Dictionary<string, string> Labels(JsonObject? labels) =>
        labels?.ToDictionary(entry => entry.Key, entry => entry.Value?.GetValue<string>() ?? "", StringComparer.Ordinal) ?? [];
}
