using Ambient.ApiServer.Schemas;

namespace Ambient.ApiServer.Kinds;

/// <summary>The kinds that every server has.</summary>
internal static class BuiltInKinds
{
    /// <summary>group/version | plural | Kind | n(amespaced) or c(luster) | short names | categories | schema | subresources | flags: g counts generations.</summary>
    private const string Table = """
        v1|bindings|Binding|n|||Binding||create
        v1|componentstatuses|ComponentStatus|c|cs||Opaque||get,list
        v1|configmaps|ConfigMap|n|cm||ConfigMap||
        v1|endpoints|Endpoints|n|ep||Endpoints||
        v1|events|Event|n|ev||Event||
        v1|limitranges|LimitRange|n|limits||Opaque||
        v1|namespaces|Namespace|c|ns||Namespace|finalize,status|create,delete,get,list,patch,update,watch
        v1|nodes|Node|c|no||Node|proxy,status|
        v1|persistentvolumeclaims|PersistentVolumeClaim|n|pvc||Opaque|status|
        v1|persistentvolumes|PersistentVolume|c|pv||Opaque|status|
        v1|pods|Pod|n|po|all|Pod|attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status|g
        v1|podtemplates|PodTemplate|n|||PodTemplate||
        v1|replicationcontrollers|ReplicationController|n|rc|all|Opaque|scale,status|g
        v1|resourcequotas|ResourceQuota|n|quota||Opaque|status|
        v1|secrets|Secret|n|||Secret||
        v1|serviceaccounts|ServiceAccount|n|sa||ServiceAccount|token|
        v1|services|Service|n|svc|all|Service|proxy,status|
        apps/v1|controllerrevisions|ControllerRevision|n|||ControllerRevision||
        apps/v1|daemonsets|DaemonSet|n|ds|all|DaemonSet|status|g
        apps/v1|deployments|Deployment|n|deploy|all|Deployment|scale,status|g
        apps/v1|replicasets|ReplicaSet|n|rs|all|ReplicaSet|scale,status|g
        apps/v1|statefulsets|StatefulSet|n|sts|all|StatefulSet|scale,status|g
        events.k8s.io/v1|events|Event|n|ev||NewEvent||
        authentication.k8s.io/v1|selfsubjectreviews|SelfSubjectReview|c|||SelfSubjectReview||create
        authentication.k8s.io/v1|tokenreviews|TokenReview|c|||TokenReview||create
        authorization.k8s.io/v1|localsubjectaccessreviews|LocalSubjectAccessReview|n|||AccessReview||create
        authorization.k8s.io/v1|selfsubjectaccessreviews|SelfSubjectAccessReview|c|||AccessReview||create
        authorization.k8s.io/v1|selfsubjectrulesreviews|SelfSubjectRulesReview|c|||RulesReview||create
        authorization.k8s.io/v1|subjectaccessreviews|SubjectAccessReview|c|||AccessReview||create
        batch/v1|cronjobs|CronJob|n|cj|all|Opaque|status|g
        batch/v1|jobs|Job|n||all|Job|status|g
        networking.k8s.io/v1|ingressclasses|IngressClass|c|||Opaque||g
        networking.k8s.io/v1|ingresses|Ingress|n|ing||Opaque|status|g
        networking.k8s.io/v1|networkpolicies|NetworkPolicy|n|netpol||Opaque||g
        rbac.authorization.k8s.io/v1|clusterrolebindings|ClusterRoleBinding|c|||RoleBinding||
        rbac.authorization.k8s.io/v1|clusterroles|ClusterRole|c|||ClusterRole||
        rbac.authorization.k8s.io/v1|rolebindings|RoleBinding|n|||RoleBinding||
        rbac.authorization.k8s.io/v1|roles|Role|n|||ClusterRole||
        apiextensions.k8s.io/v1|customresourcedefinitions|CustomResourceDefinition|c|crd,crds|api-extensions|CustomResourceDefinition|status|g
        coordination.k8s.io/v1|leases|Lease|n|||Lease||
        discovery.k8s.io/v1|endpointslices|EndpointSlice|n|||EndpointSlice||g
        """;

    /// <summary>Kinds that no recorded server had but that manifests of a mesh bring along.</summary>
    private const string Extra = """
        admissionregistration.k8s.io/v1|mutatingwebhookconfigurations|MutatingWebhookConfiguration|c||api-extensions|Opaque||g
        admissionregistration.k8s.io/v1|validatingwebhookconfigurations|ValidatingWebhookConfiguration|c||api-extensions|Opaque||g
        policy/v1|poddisruptionbudgets|PodDisruptionBudget|n|pdb||Opaque|status|g
        autoscaling/v2|horizontalpodautoscalers|HorizontalPodAutoscaler|n|hpa|all|Opaque|status|
        scheduling.k8s.io/v1|priorityclasses|PriorityClass|c|pc||Opaque||
        """;

    private static readonly IReadOnlyList<string> ProxyVerbs = ["create", "delete", "get", "patch", "update"];

    /// <summary>All of them.</summary>
    /// <param name="extra">Whether to serve the kinds of <see cref="Extra"/> too.</param>
    public static IEnumerable<ResourceType> All(bool extra) =>
        (extra ? $"{Table}\n{Extra}" : Table).Split('\n').Select(line => Parse(line.Trim()));

    private static ResourceType Parse(string line)
    {
        var parts = line.Split('|');
        var (group, version) = parts[0].Split('/') is [var only] ? ("", only) : (parts[0].Split('/')[0], parts[0].Split('/')[1]);
        var kind = parts[2];
        var plural = parts[1];
        var flags = parts[8];
        return new()
        {
            Group = group,
            Version = version,
            Plural = plural,
            Kind = kind,
            Singular = kind.ToLowerInvariant(),
            Namespaced = parts[3] == "n",
            ShortNames = Words(parts[4]),
            Categories = Words(parts[5]),
            Schema = SchemaText.BuiltIn[parts[6]],
            Verbs = flags is "" or "g" ? ResourceType.AllVerbs : Words(flags),
            HasGeneration = flags == "g",
            Subresources = [.. Words(parts[7]).Select(name => Part(name, kind))],
            // The real server stores definitions in a version that it no longer serves.
            StorageVersion = plural == "customresourcedefinitions" ? "v1beta1" : "",
            Names = NamesOf(plural, group),
            Rules = RulesOf(group, plural),
        };
    }

    private static string[] Words(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);

    private static Subresource Part(string name, string kind) => name switch
    {
        "status" or "ephemeralcontainers" or "resize" => new(name, kind, ResourceType.StatusVerbs),
        "finalize" => new(name, kind, ["update"]),
        "scale" => new(name, "Scale", ResourceType.StatusVerbs, "autoscaling/v1"),
        "binding" => new(name, "Binding", ["create"]),
        "eviction" => new(name, "Eviction", ["create"], "policy/v1"),
        "token" => new(name, "TokenRequest", ["create"], "authentication.k8s.io/v1"),
        "log" => new(name, kind, ["get"]),
        "exec" => new(name, "PodExecOptions", ["create", "get"]),
        "attach" => new(name, "PodAttachOptions", ["create", "get"]),
        "portforward" => new(name, "PodPortForwardOptions", ["create", "get"]),
        "proxy" => new(name, $"{kind}ProxyOptions", ProxyVerbs),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown subresource"),
    };

    private static NameRule NamesOf(string plural, string group) => plural switch
    {
        "namespaces" => NameRule.Label,
        "services" => NameRule.ServiceLabel,
        _ => group == "rbac.authorization.k8s.io" ? NameRule.PathSegment : NameRule.Subdomain,
    };

    private static KindRules RulesOf(string group, string plural) => (group, plural) switch
    {
        ("", "namespaces") => new NamespaceRules(),
        ("", "pods") => new PodRules(),
        ("", "services") => new ServiceRules(),
        ("", "nodes") => new NodeRules(),
        ("", "secrets") => new SecretRules(),
        ("", "events") or ("events.k8s.io", "events") => new EventRules(),
        ("apps", "deployments" or "replicasets" or "daemonsets" or "statefulsets") => new PodSetRules(plural),
        ("apiextensions.k8s.io", "customresourcedefinitions") => new DefinitionRules(),
        ("discovery.k8s.io", "endpointslices") => new EndpointSliceRules(),
        _ => KindRules.None,
    };
}
