using System.Text.Json;
using Ambient.Api.Discovery;
using Ambient.Proxy.Configuration;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.Proxy.Discovery;

/// <summary>Who we are to the control plane.</summary>
public static class XdsNode
{
    /// <summary>The node of the first request: <c>ROLE~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN</c> and metadata.</summary>
    /// <param name="configuration">Our pod, and what else is to be told of it.</param>
    /// <param name="role">What we are: <c>ztunnel</c> or <c>waypoint</c>.</param>
    public static Node Of(ProxyConfiguration configuration, string role)
    {
        var pod = configuration.Pod;
        var metadata = new Struct();
        metadata.Fields["NAME"] = Value.ForString(pod.Name);
        metadata.Fields["NAMESPACE"] = Value.ForString(pod.Namespace);
        metadata.Fields["INSTANCE_IPS"] = Value.ForString(pod.InstanceIp);
        metadata.Fields["NODE_NAME"] = Value.ForString(configuration.NodeName ?? "");
        foreach (var (name, value) in configuration.Metadata)
        {
            metadata.Fields[name] = Value.ForString(value);
        }

        foreach (var (name, value) in configuration.JsonMetadata)
        {
            metadata.Fields[name] = Json(value);
        }

        return new Node
        {
            Id = $"{role}~{pod.InstanceIp}~{pod.Name}.{pod.Namespace}~{pod.Namespace}.svc.cluster.local",
            Metadata = metadata,
        };
    }

    /// <summary>Text that is no JSON is sent as it is.</summary>
    private static Value Json(string text)
    {
        try
        {
            return Of(JsonDocument.Parse(text).RootElement);
        }
        catch (JsonException)
        {
            return Value.ForString(text);
        }
    }

    private static Value Of(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => OfObject(element),
        JsonValueKind.Array => Value.ForList([.. element.EnumerateArray().Select(Of)]),
        JsonValueKind.Number => Value.ForNumber(element.GetDouble()),
        JsonValueKind.True => Value.ForBool(true),
        JsonValueKind.False => Value.ForBool(false),
        JsonValueKind.Null => Value.ForNull(),
        _ => Value.ForString(element.GetString() ?? ""),
    };

    private static Value OfObject(JsonElement element)
    {
        var fields = new Struct();
        foreach (var property in element.EnumerateObject())
        {
            fields.Fields[property.Name] = Of(property.Value);
        }

        return Value.ForStruct(fields);
    }
}
