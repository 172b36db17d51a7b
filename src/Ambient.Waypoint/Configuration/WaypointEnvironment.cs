using Ambient.Proxy.Configuration;

namespace Ambient.Waypoint.Configuration;

/// <summary>Makes the configuration from environment variables, which the pod of a waypoint has from its Deployment.</summary>
internal static class WaypointEnvironment
{
    /// <summary>Reads.</summary>
    /// <exception cref="ConfigurationException">Names each variable that cannot be used.</exception>
    public static WaypointConfiguration Read(IReadOnlyDictionary<string, string> variables)
    {
        var reader = new EnvironmentReader(variables);
        var configuration = new WaypointConfiguration(ProxyEnvironment.Read(reader, "WAYPOINT"))
        {
            // Istio's own pods name the Gateway as the workload.
            Gateway = reader.Text("GATEWAY_NAME") ?? reader.Text("ISTIO_META_WORKLOAD_NAME", ""),
        };
        Require(reader, "POD_NAME", configuration.Pod.Name, "fieldRef metadata.name");
        Require(reader, "POD_NAMESPACE", configuration.Pod.Namespace, "fieldRef metadata.namespace");
        Require(reader, "SERVICE_ACCOUNT", configuration.Pod.ServiceAccount, "fieldRef spec.serviceAccountName");
        Require(reader, "GATEWAY_NAME", configuration.Gateway, "the name of its Gateway");
        foreach (var name in new[] { "LOCAL_XDS", "LOCAL_XDS_PATH" }.Where(name => reader.Text(name) is not null))
        {
            reader.Problem(name, "is not read by a waypoint, which gets all it knows from the control plane; remove the variable");
        }

        return reader.Problems.Count == 0 ? configuration : throw new ConfigurationException(reader.Problems);
    }

    private static void Require(EnvironmentReader reader, string name, string value, string source)
    {
        if (value.Length == 0)
        {
            reader.Problem(name, $"is not set; a waypoint needs it to say who it is: give its container {source}");
        }
    }
}
