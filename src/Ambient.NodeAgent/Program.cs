using Ambient.NodeAgent;
using Ambient.NodeAgent.Cni;

// The container runtime runs the plugin with CNI_COMMAND in the environment (CNI specification §3); everything else is the agent.
var verb = args.FirstOrDefault() ?? (Environment.GetEnvironmentVariable("CNI_COMMAND") is null ? "agent" : "cni");
switch (verb)
{
    case "cni":
        return await new CniPlugin(Environment.GetEnvironmentVariable, Console.OpenStandardInput(), Console.Out).RunAsync(default);
    case "agent":
        return await NodeAgentApp.RunAsync(Environment.GetEnvironmentVariable);
    case "help" or "--help" or "-h":
        Console.WriteLine("""
            Ambient.NodeAgent [agent]   enrols the labelled pods of a node into the mesh
            Ambient.NodeAgent cni       the chained CNI plugin; the container runtime runs it

            The agent reads its settings from the environment; NODE_NAME is required. The others, with their defaults:
              CNI_AGENT_RUN_DIR=/var/run/istio-cni       ZTUNNEL_UDS_ADDRESS=/var/run/ztunnel/ztunnel.sock
              MOUNTED_CNI_NET_DIR=/host/etc/cni/net.d    MOUNTED_CNI_BIN_DIR=/host/opt/cni/bin    CNI_CONF_NAME=
              HOST_ROOT=/host    HOST_PROC=/host/proc    POD_NAMESPACE=istio-system    EXCLUDE_NAMESPACES=kube-system
              AMBIENT_IPV6=true  AMBIENT_DNS_CAPTURE=false NATIVE_NFTABLES=true  INSTALL_CNI_PLUGIN=true
              AMBIENT_ENABLEMENT_SELECTOR=               AMBIENT_VERIFY_INTERVAL_SECONDS=10  KUBELET_UID=0
              HEALTH_ADDRESS=*:8000                      MONITORING_ADDRESS=*:15014          RUST_LOG=info  LOG_FORMAT=plain
            KUBECONFIG names the API server; without it the pod's own service account is used.
            """);
        return 0;
    default:
        await Console.Error.WriteLineAsync($"Unknown verb '{verb}': use agent, cni or help.");
        return 2;
}
