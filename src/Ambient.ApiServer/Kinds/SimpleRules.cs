using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Kinds;

/// <summary>A namespace is labelled with its name, is Active, and is held by the finalizer of its cleaner.</summary>
internal sealed class NamespaceRules : KindRules
{
    public override IReadOnlyList<string> SelectableFields => ["status.phase"];

    public override void Default(JsonObject body)
    {
        if (body.TextAt("metadata", "name") is { Length: > 0 } name)
        {
            body.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = name;
        }
    }

    public override void Create(JsonObject body, WriteContext context)
    {
        body["spec"] = new JsonObject { ["finalizers"] = new JsonArray("kubernetes") };
        body["status"] = new JsonObject { ["phase"] = "Active" };
    }

    public override void Update(JsonObject body, JsonObject old, WriteContext context) =>
        body["spec"] = old["spec"]?.DeepClone();
}

/// <summary>Nodes keep the status that their kubelet gave when they registered.</summary>
internal sealed class NodeRules : KindRules
{
    public override IReadOnlyList<string> SelectableFields => ["spec.unschedulable"];

    public override void Create(JsonObject body, WriteContext context)
    {
    }
}

/// <summary>Text given as <c>stringData</c> becomes data.</summary>
internal sealed class SecretRules : KindRules
{
    public override IReadOnlyList<string> SelectableFields => ["type"];

    public override void Default(JsonObject body)
    {
        if (body["stringData"] is not JsonObject texts)
        {
            return;
        }

        body.Remove("stringData");
        var data = body.Child("data");
        foreach (var (name, text) in texts)
        {
            data[name] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text?.GetValue<string>() ?? ""));
        }
    }

    public override void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
        if (old is not null && body.TextAt("type") != old.TextAt("type"))
        {
            causes.Add(Cause.Invalid("type", body["type"], "field is immutable"));
        }
    }
}

/// <summary>Events are found by what they are about.</summary>
internal sealed class EventRules : KindRules
{
    public override IReadOnlyList<string> SelectableFields =>
    [
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
        "reason", "reportingComponent", "source", "type",
    ];
}

/// <summary>The family of addresses cannot change.</summary>
internal sealed class EndpointSliceRules : KindRules
{
    private static readonly string[] Families = ["IPv4", "IPv6", "FQDN"];

    public override void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
        var family = body.TextAt("addressType");
        if (family is null)
        {
            causes.Add(Cause.Required("addressType"));
        }
        else if (!Families.Contains(family))
        {
            causes.Add(Cause.NotSupported("addressType", body["addressType"], Families));
        }
        else if (old is not null && old.TextAt("addressType") != family)
        {
            causes.Add(Cause.Invalid("addressType", body["addressType"], "field is immutable"));
        }
    }
}
