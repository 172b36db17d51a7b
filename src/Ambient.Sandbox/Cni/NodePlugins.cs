using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Kubelet;

namespace Ambient.Sandbox.Cni;

/// <summary>Puts the bridge plugin and its configuration where a node's runtime looks for them.</summary>
internal static class NodePlugins
{
    /// <summary>Writes both; an agent appends its own plugin to the same configuration later.</summary>
    public static void Install(NodeContext node)
    {
        Directory.CreateDirectory(node.CniPlugins);
        Directory.CreateDirectory(node.CniConfiguration);
        var plugin = Path.Combine(node.CniPlugins, PtpPlugin.Type);
        File.WriteAllText(plugin, $"#!/bin/sh\nexec '{Programs.Cli}' cni-ptp\n");
        File.SetUnixFileMode(plugin, (UnixFileMode)0b111_101_101);

        var entry = new JsonObject
        {
            ["type"] = PtpPlugin.Type,
            ["ranges"] = new JsonArray(node.Addresses.PodRange4),
            ["gateways"] = new JsonArray(node.Addresses.Gateway4.ToString()),
            ["dataDir"] = Path.Combine(node.Folder, "cni", "addresses"),
        };
        if (System.Net.Sockets.Socket.OSSupportsIPv6)
        {
            entry["ranges"]!.AsArray().Add((JsonNode)node.Addresses.PodRange6);
            entry["gateways"]!.AsArray().Add((JsonNode)node.Addresses.Gateway6.ToString());
        }

        var list = new NetworkList { Name = "sandbox", Plugins = [entry] };
        File.WriteAllText(Path.Combine(node.CniConfiguration, "10-sandbox.conflist"), JsonSerializer.Serialize(list, CniJson.Default.NetworkList));
    }
}
