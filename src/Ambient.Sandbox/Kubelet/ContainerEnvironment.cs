using System.Text;
using Ambient.Api.Kubernetes;
using Ambient.Sandbox.Images;

namespace Ambient.Sandbox.Kubelet;

/// <summary>What a container's process gets to see: variables, command and arguments, as Kubernetes puts them together.</summary>
internal static class ContainerEnvironment
{
    /// <summary>Variables that every container has; the machine's own are not passed on, except where .NET is installed and which faults tests want.</summary>
    public static Dictionary<string, string> Build(Pod pod, Container container, IReadOnlyList<string> addresses, NodeContext node)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["HOME"] = "/root",
            ["LANG"] = "C.UTF-8",
            ["HOSTNAME"] = pod.Spec?.HostNetwork == true ? node.Name : pod.Metadata.Name,
            ["KUBERNETES_SERVICE_HOST"] = node.ApiServerHost,
            ["KUBERNETES_SERVICE_PORT"] = node.ApiServerPort.ToString(),
            ["KUBERNETES_SERVICE_PORT_HTTPS"] = node.ApiServerPort.ToString(),
        };
        foreach (var name in new[] { "DOTNET_ROOT", "SSL_CERT_DIR", "SSL_CERT_FILE", "AMBIENT_FAULTS" })
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
            {
                variables[name] = value;
            }
        }

        foreach (var variable in container.Env ?? [])
        {
            variables[variable.Name] = variable.ValueFrom is { } source
                ? Field(pod, source, addresses, node, variable.Name)
                : Expand(variable.Value ?? "", variables);
        }

        return variables;
    }

    /// <summary>The image's program and arguments, replaced by the container's command and args by Kubernetes' rules.</summary>
    /// <exception cref="SandboxException">The container names neither a known image nor a command.</exception>
    public static IReadOnlyList<string> CommandLine(Container container, ImageTable images, IReadOnlyDictionary<string, string> variables)
    {
        var image = images.Find(container.Image ?? "", container.Command is { Count: > 0 });
        IEnumerable<string> command = container.Command is { Count: > 0 } own ? own : [image.Program, .. image.Arguments];
        return [.. command.Concat(container.Args ?? []).Select(part => Expand(part, variables))];
    }

    /// <summary>Replaces <c>$(NAME)</c>; <c>$$</c> stands for one dollar, an unknown name stays as it is.</summary>
    internal static string Expand(string text, IReadOnlyDictionary<string, string> variables)
    {
        if (!text.Contains('$', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder();
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '$' && at + 1 < text.Length && text[at + 1] == '$')
            {
                result.Append('$');
                at++;
            }
            else if (text[at] == '$' && at + 1 < text.Length && text[at + 1] == '('
                && text.IndexOf(')', at) is var end and > 0
                && variables.TryGetValue(text[(at + 2)..end], out var value))
            {
                result.Append(value);
                at = end;
            }
            else
            {
                result.Append(text[at]);
            }
        }

        return result.ToString();
    }

    private static string Field(Pod pod, EnvVarSource source, IReadOnlyList<string> addresses, NodeContext node, string variable)
    {
        if (source.ResourceFieldRef is not null)
        {
            return "0"; // The sandbox limits nothing.
        }

        var path = source.FieldRef?.FieldPath ?? "";
        return path switch
        {
            "metadata.name" => pod.Metadata.Name,
            "metadata.namespace" => pod.Metadata.Namespace ?? "",
            "metadata.uid" => pod.Metadata.Uid ?? "",
            "spec.nodeName" => node.Name,
            "spec.serviceAccountName" => pod.Spec?.ServiceAccountName ?? "default",
            "status.hostIP" => node.Address,
            "status.podIP" => addresses.Count > 0 ? addresses[0] : "",
            "status.podIPs" => string.Join(',', addresses),
            _ when Key(path, "metadata.labels") is { } label => pod.Metadata.Label(label) ?? "",
            _ when Key(path, "metadata.annotations") is { } annotation => pod.Metadata.Annotation(annotation) ?? "",
            _ => throw new SandboxException($"Environment variable {variable}: the sandbox does not know the field '{path}'. Give the variable a value."),
        };
    }

    private static string? Key(string path, string map) =>
        path.StartsWith(map + "['", StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal)
            ? path[(map.Length + 2)..^2]
            : null;
}
