using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Kinds;

/// <summary>Services: cluster addresses, ports, and the fields that go with each type.</summary>
internal sealed class ServiceRules : KindRules
{
    private static readonly string[] Types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

    /// <summary>The default of the real server's --service-node-port-range.</summary>
    private const int FirstNodePort = 30000;
    private const int LastNodePort = 32767;

    public override IReadOnlyList<string> SelectableFields => ["spec.clusterIP", "spec.type"];

    public override void Default(JsonObject body)
    {
        if (body["spec"] is not JsonObject spec)
        {
            return;
        }

        foreach (var port in spec.ObjectsAt("ports"))
        {
            if (port["targetPort"] is null && port["port"] is { } number)
            {
                port["targetPort"] = number.DeepClone();
            }
        }

        var type = spec.TextAt("type");
        if (type != "ExternalName")
        {
            spec.SetDefault("internalTrafficPolicy", "Cluster");
        }

        if (type is "NodePort" or "LoadBalancer")
        {
            spec.SetDefault("externalTrafficPolicy", "Cluster");
        }

        if (type == "LoadBalancer")
        {
            spec.SetDefault("allocateLoadBalancerNodePorts", true);
        }
    }

    public override void Create(JsonObject body, WriteContext context)
    {
        body["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() };
        // A service that is refused must not take addresses with it.
        Check(body, context, []);
        Allocate(body, context);
        AllocateNodePorts(body.Child("spec"), context);
    }

    public override void Update(JsonObject body, JsonObject old, WriteContext context)
    {
        var spec = body.Child("spec");
        var before = old.Child("spec");
        if (spec.TextAt("type") == "ExternalName")
        {
            return;
        }

        // Clients that know nothing of these fields leave them out; they stay.
        foreach (var field in new[] { "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy" })
        {
            if (spec[field] is null && before[field] is { } value)
            {
                spec[field] = value.DeepClone();
            }
        }

        if (spec.TextAt("clusterIP") is { } first && spec["clusterIPs"] is JsonArray { Count: > 0 } list
            && JsonNode.DeepEquals(list, before["clusterIPs"]) && list[0]?.GetValue<string>() != first)
        {
            spec["clusterIPs"] = new JsonArray(first);
        }

        if (before["clusterIP"] is null)
        {
            Check(body, context, []);
            Allocate(body, context);
        }

        AllocateNodePorts(spec, context);
    }

    public override void Validate(JsonObject body, JsonObject? old, List<Cause> causes)
    {
        var spec = body.Child("spec");
        if (spec.TextAt("type") is { } type && !Types.Contains(type))
        {
            causes.Add(Cause.NotSupported("spec.type", type, Types));
        }

        if (spec.TextAt("type") == "ExternalName" && string.IsNullOrEmpty(spec.TextAt("externalName")))
        {
            causes.Add(Cause.Required("spec.externalName"));
        }

        ValidatePorts(spec, causes);
        var before = old.At("spec", "clusterIPs") as JsonArray;
        if (before is { Count: > 0 } && spec.TextAt("type") != "ExternalName" && old.TextAt("spec", "type") != "ExternalName"
            && !JsonNode.DeepEquals(before[0], (spec["clusterIPs"] as JsonArray)?[0]))
        {
            causes.Add(Cause.Invalid("spec.clusterIPs[0]", spec["clusterIPs"]?.DeepClone(), "may not change once set"));
        }
    }

    public override void Deleted(JsonObject body, WriteContext context)
    {
        foreach (var address in Addresses(body.Child("spec")))
        {
            context.Server.ServiceRanges.FirstOrDefault(range => range.Contains(address))?.Free(address);
        }
    }

    private static void ValidatePorts(JsonObject spec, List<Cause> causes)
    {
        var ports = spec.ObjectsAt("ports").ToList();
        if (ports.Count == 0 && spec.TextAt("type") != "ExternalName" && spec.TextAt("clusterIP") != "None")
        {
            causes.Add(Cause.Required("spec.ports"));
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var index = 0; index < ports.Count; index++)
        {
            var path = $"spec.ports[{index}]";
            var name = ports[index].TextAt("name") ?? "";
            if (name.Length == 0 && ports.Count > 1)
            {
                causes.Add(Cause.Required($"{path}.name"));
            }
            else if (name.Length > 0 && !names.Add(name))
            {
                causes.Add(Cause.Duplicate($"{path}.name", name));
            }

            if (ports[index].NumberAt("port") is not (>= 1 and <= 65535))
            {
                causes.Add(Cause.Invalid($"{path}.port", ports[index]["port"]?.DeepClone() ?? 0, "must be between 1 and 65535, inclusive"));
            }
        }
    }

    private static void Check(JsonObject body, WriteContext context, List<Cause> causes)
    {
        new ServiceRules().Validate(body, null, causes);
        if (causes.Count > 0)
        {
            throw Refusal.Invalid("", "Service", body.TextAt("metadata", "name") ?? "", causes);
        }
    }

    /// <summary>Gives the service one address, or one of each family when it asks for both.</summary>
    private static void Allocate(JsonObject body, WriteContext context)
    {
        var spec = body.Child("spec");
        if (spec.TextAt("type") == "ExternalName")
        {
            return;
        }

        var ranges = context.Server.ServiceRanges;
        var wanted = WantedRanges(spec, ranges);
        spec.SetDefault("ipFamilyPolicy", "SingleStack");
        spec["ipFamilies"] = new JsonArray([.. wanted.Select(range => (JsonNode)range.FamilyName)]);
        if (spec.TextAt("clusterIP") == "None")
        {
            spec["clusterIPs"] = new JsonArray("None");
            return;
        }

        var name = body.TextAt("metadata", "name") ?? "";
        var asked = Addresses(spec).ToList();
        var given = new List<IPAddress>();
        foreach (var range in wanted)
        {
            var address = asked.Find(item => item.AddressFamily == range.Family);
            given.Add(address is null ? TakeAny(range, name, context) : Take(range, address, name, context));
        }

        spec["clusterIP"] = given[0].ToString();
        spec["clusterIPs"] = new JsonArray([.. given.Select(address => (JsonNode)address.ToString())]);
    }

    private static List<AddressRange> WantedRanges(JsonObject spec, IReadOnlyList<AddressRange> ranges)
    {
        var families = (spec["ipFamilies"] as JsonArray)?.Select(family => family?.GetValue<string>() ?? "").ToList() ?? [];
        if (families.Count == 0)
        {
            families = [.. Addresses(spec).Select(address => address.AddressFamily == AddressFamily.InterNetwork ? "IPv4" : "IPv6")];
        }

        var wanted = families.Count > 0
            ? families.Select(family => ranges.FirstOrDefault(range => range.FamilyName == family)
                ?? throw Refusal.Invalid("", "Service", "", Cause.Invalid("spec.ipFamilies[0]", family, "not configured on this cluster"))).ToList()
            : [ranges[0]];
        if (spec.TextAt("ipFamilyPolicy") is "PreferDualStack" or "RequireDualStack")
        {
            wanted.AddRange(ranges.Where(range => !wanted.Contains(range)));
        }

        return wanted;
    }

    private static IPAddress TakeAny(AddressRange range, string name, WriteContext context)
    {
        var address = range.TakeAny()
            ?? throw Refusal.Invalid("", "Service", name, Cause.Invalid("spec.clusterIPs", null, "failed to allocate an IP: range is full"));
        if (context.IsDryRun)
        {
            range.Free(address);
        }

        return address;
    }

    private static IPAddress Take(AddressRange range, IPAddress address, string name, WriteContext context)
    {
        string? problem = null;
        if (!range.Contains(address))
        {
            problem = "the provided network does not match the current range";
        }
        else if (context.IsDryRun ? range.IsTaken(address) : !range.TryTake(address))
        {
            problem = "provided IP is already allocated";
        }

        return problem is null ? address : throw Refusal.Invalid("", "Service", name, Cause.Invalid(
            "spec.clusterIPs", new JsonArray(address.ToString()), $"failed to allocate IP {address}: {problem}"));
    }

    private static IEnumerable<IPAddress> Addresses(JsonObject spec)
    {
        var texts = (spec["clusterIPs"] as JsonArray)?.Select(item => item?.GetValue<string>()).ToList() ?? [];
        if (texts.Count == 0)
        {
            texts.Add(spec.TextAt("clusterIP"));
        }

        foreach (var text in texts)
        {
            if (IPAddress.TryParse(text, out var address))
            {
                yield return address;
            }
        }
    }

    private static void AllocateNodePorts(JsonObject spec, WriteContext context)
    {
        if (spec.TextAt("type") is not ("NodePort" or "LoadBalancer")
            || (spec.TextAt("type") == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"]?.GetValue<bool>() == false))
        {
            return;
        }

        var taken = context.Server.Store.List("/services").Items.Values
            .SelectMany(service => service.Thaw("Service", "v1").Child("spec").ObjectsAt("ports"))
            .Select(port => port.NumberAt("nodePort")).OfType<long>().ToHashSet();
        foreach (var port in spec.ObjectsAt("ports"))
        {
            if (port.NumberAt("nodePort") is null or 0)
            {
                var free = Enumerable.Range(FirstNodePort, LastNodePort - FirstNodePort + 1).First(number => !taken.Contains(number));
                port["nodePort"] = free;
                taken.Add(free);
            }
        }
    }
}
