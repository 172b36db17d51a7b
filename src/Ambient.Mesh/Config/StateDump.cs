using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Config;

/// <summary>
/// Writes a snapshot as <c>/config_dump</c> shows it (and as local configuration reads it): camel case, absent where empty.
/// </summary>
public static class StateDump
{
    /// <summary>Writes <c>workloads</c>, <c>services</c>, <c>policies</c> and <c>stagedServices</c> into an open object.</summary>
    public static void Write(Utf8JsonWriter json, MeshSnapshot mesh)
    {
        json.WriteStartArray("workloads");
        foreach (var workload in mesh.Workloads.Values.OrderBy(workload => workload.Uid, StringComparer.Ordinal))
        {
            Write(json, workload);
        }

        json.WriteEndArray();
        json.WriteStartArray("services");
        foreach (var service in mesh.Services.Values.OrderBy(service => service.Key, StringComparer.Ordinal))
        {
            Write(json, service, mesh.EndpointsOf(service.Key));
        }

        json.WriteEndArray();
        json.WriteStartArray("policies");
        foreach (var policy in mesh.Policies.Values.OrderBy(policy => policy.Key, StringComparer.Ordinal))
        {
            PolicyDump.Write(json, policy);
        }

        json.WriteEndArray();
        json.WriteStartObject("stagedServices");
        foreach (var (key, endpoints) in mesh.Endpoints.Where(set => !mesh.Services.ContainsKey(set.Key)).OrderBy(set => set.Key, StringComparer.Ordinal))
        {
            WriteEndpoints(json, key, endpoints);
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Workload workload)
    {
        json.WriteStartObject();
        Optional(json, "applicationTunnel", workload.ApplicationTunnel is not null, () =>
        {
            json.WriteStartObject();
            json.WriteString("protocol", workload.ApplicationTunnel!.ProxyProtocol ? "PROXY" : "NONE");
            if (workload.ApplicationTunnel.Port is { } port)
            {
                json.WriteNumber("port", port);
            }

            json.WriteEndObject();
        });
        Texts(json, "authorizationPolicies", workload.AuthorizationPolicies);
        json.WriteString("canonicalName", workload.CanonicalName);
        json.WriteString("canonicalRevision", workload.CanonicalRevision);
        json.WriteNumber("capacity", workload.Capacity);
        json.WriteString("clusterId", workload.ClusterId);
        Optional(json, "hostname", workload.Hostname);
        Optional(json, "locality", workload.Locality != Locality.Unknown, () =>
        {
            json.WriteStartObject();
            json.WriteString("region", workload.Locality.Region);
            json.WriteString("subzone", workload.Locality.Subzone);
            json.WriteString("zone", workload.Locality.Zone);
            json.WriteEndObject();
        });
        json.WriteString("name", workload.Name);
        json.WriteString("namespace", workload.Namespace);
        Optional(json, "nativeTunnel", workload.NativeTunnel, () => json.WriteBooleanValue(true));
        Optional(json, "network", workload.Network);
        Gateway(json, "networkGateway", workload.NetworkGateway);
        json.WriteString("networkMode", workload.HostNetwork ? "HostNetwork" : "Standard");
        Optional(json, "node", workload.Node);
        json.WriteString("protocol", workload.Protocol == TunnelProtocol.Hbone ? "HBONE" : "TCP");
        json.WriteString("serviceAccount", workload.ServiceAccount);
        Texts(json, "services", workload.DeclaresServices ? [.. workload.Memberships.Select(membership => membership.Service)] : []);
        json.WriteString("status", workload.Healthy ? "Healthy" : "Unhealthy");
        json.WriteString("trustDomain", workload.TrustDomain);
        json.WriteString("uid", workload.Uid);
        Gateway(json, "waypoint", workload.Waypoint);
        json.WriteStartArray("workloadIps");
        foreach (var address in workload.Addresses)
        {
            json.WriteStringValue(address.ToString());
        }

        json.WriteEndArray();
        Optional(json, "workloadName", workload.WorkloadName);
        json.WriteString("workloadType", workload.Type switch
        {
            WorkloadType.Deployment => "deployment",
            WorkloadType.Cronjob => "cronjob",
            WorkloadType.Job => "job",
            _ => "pod",
        });
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Service service, EndpointSet endpoints)
    {
        json.WriteStartObject();
        json.WriteBoolean("canonical", service.Canonical);
        Optional(json, "cidrVips", !service.CidrVips.IsEmpty, () =>
        {
            json.WriteStartArray();
            foreach (var range in service.CidrVips)
            {
                json.WriteStartObject();
                json.WriteString("cidr", range.Cidr.ToString());
                json.WriteString("network", range.Network);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
        WriteEndpoints(json, "endpoints", endpoints);
        json.WriteString("hostname", service.Hostname);
        Optional(json, "ipFamilies", service.IpFamilies switch
        {
            IpFamilies.V4 => "IPv4",
            IpFamilies.V6 => "IPv6",
            IpFamilies.Dual => "Dual",
            _ => "",
        });
        Optional(json, "loadBalancer", service.LoadBalancing is not null, () => Balancing(json, service.LoadBalancing!));
        json.WriteString("name", service.Name);
        json.WriteString("namespace", service.Namespace);
        json.WritePropertyName("ports");
        Ports(json, service.Ports);
        json.WriteStartArray("subjectAltNames");
        foreach (var name in service.SubjectAltNames)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        json.WriteStartArray("vips");
        foreach (var vip in service.Vips)
        {
            json.WriteStringValue(vip.ToString());
        }

        json.WriteEndArray();
        json.WriteString("visibility", service.NamespaceOnly ? "Namespace" : "Public");
        Gateway(json, "waypoint", service.Waypoint);
        Optional(json, "weightedWaypoints", !service.WeightedWaypoints.IsEmpty, () =>
        {
            json.WriteStartArray();
            foreach (var weighted in service.WeightedWaypoints)
            {
                json.WriteStartObject();
                Gateway(json, "destination", weighted.Gateway);
                json.WriteNumber("weight", weighted.Weight);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
        json.WriteEndObject();
    }

    private static void WriteEndpoints(Utf8JsonWriter json, string name, EndpointSet endpoints)
    {
        json.WriteStartObject(name);
        foreach (var endpoint in endpoints.All.ToArray().OrderBy(endpoint => endpoint.Workload.Uid, StringComparer.Ordinal))
        {
            json.WriteStartObject(endpoint.Workload.Uid);
            json.WritePropertyName("port");
            Ports(json, endpoint.Ports);
            json.WriteString("status", endpoint.Workload.Healthy ? "Healthy" : "Unhealthy");
            json.WriteString("workloadUid", endpoint.Workload.Uid);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Balancing(Utf8JsonWriter json, LoadBalancing balancing)
    {
        json.WriteStartObject();
        json.WriteString("healthPolicy", balancing.AllowUnhealthy ? "AllowAll" : "OnlyHealthy");
        json.WriteString("mode", balancing.Mode.ToString());
        json.WriteStartArray("routingPreferences");
        foreach (var scope in balancing.Preferences)
        {
            json.WriteStringValue(scope.ToString());
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Ports(Utf8JsonWriter json, ImmutableArray<PortMapping> ports)
    {
        json.WriteStartObject();
        foreach (var port in ports)
        {
            json.WriteNumber(port.ServicePort.ToString(CultureInfo.InvariantCulture), port.TargetPort);
        }

        json.WriteEndObject();
    }

    private static void Gateway(Utf8JsonWriter json, string name, GatewayAddress? gateway) =>
        Optional(json, name, gateway is not null, () =>
        {
            json.WriteStartObject();
            json.WriteString("destination", gateway!.Destination);
            json.WriteNumber("hboneMtlsPort", gateway.Port);
            json.WriteEndObject();
        });

    private static void Texts(Utf8JsonWriter json, string name, ImmutableArray<string> texts) =>
        Optional(json, name, !texts.IsEmpty, () =>
        {
            json.WriteStartArray();
            foreach (var text in texts)
            {
                json.WriteStringValue(text);
            }

            json.WriteEndArray();
        });

    private static void Optional(Utf8JsonWriter json, string name, string text)
    {
        if (text.Length > 0)
        {
            json.WriteString(name, text);
        }
    }

    private static void Optional(Utf8JsonWriter json, string name, bool present, Action write)
    {
        if (present)
        {
            json.WritePropertyName(name);
            write();
        }
    }
}
