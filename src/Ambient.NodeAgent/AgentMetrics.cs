using System.Globalization;
using Ambient.Telemetry.Metrics;

namespace Ambient.NodeAgent;

/// <summary>What the node agent counts; the names are those of the original where it has them.</summary>
internal sealed class AgentMetrics
{
    private readonly CounterFamily _pluginRequests;
    private readonly CounterFamily _events;
    private readonly CounterFamily _installs;
    private readonly Counter _drift;

    public AgentMetrics(MetricRegistry registry)
    {
        _pluginRequests = registry.Counter(
            "istio_cni_plugin_requests", "Requests of the CNI plugin, by the status that answered them.", new() { Labels = ["response_code"] });
        _events = registry.Counter(
            "nodeagent_reconcile_events", "Changes of pods and namespaces that were looked at.", new() { Labels = ["type"] });
        _installs = registry.Counter("istio_cni_installs", "Passes of the installer, by result.", new() { Labels = ["result"] });
        _drift = registry.Counter("ambient_capture_drift", "Pods whose capture rules were found missing or changed, and put right.").Single;
    }

    public void PluginRequest(int status) => _pluginRequests.With(status.ToString(CultureInfo.InvariantCulture)).Add();

    public void Event(string type) => _events.With(type).Add();

    public void Install(string result) => _installs.With(result).Add();

    public void Drift() => _drift.Add();
}
