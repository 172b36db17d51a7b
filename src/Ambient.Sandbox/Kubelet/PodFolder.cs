using System.Text;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Kubelet;

/// <summary>
/// A pod's files below its node's folder: name resolution, tokens and certificates, volumes. Containers see them mounted over the
/// machine's own files, which they share otherwise.
/// </summary>
internal sealed class PodFolder(Pod pod, NodeContext node, KubernetesClient client)
{
    /// <summary>The names under which containers know the folder of tokens and certificates.</summary>
    private static readonly string[] SecretsPaths = ["/var/run/secrets", SecretsMountPoint.Path];

    /// <summary>As kubelets: a token lives an hour, bound to the pod, and is renewed when a fifth of its life is left.</summary>
    private const long TokenSeconds = 3600;

    private readonly string _folder = Path.Combine(node.Folder, "pods", pod.Metadata.Uid ?? "");

    private string Secrets => Path.Combine(_folder, "secrets");

    /// <summary>The pod's own token folder inside <see cref="Secrets"/>.</summary>
    private string ServiceAccount => Path.Combine(Secrets, "kubernetes.io", "serviceaccount");

    /// <summary>Writes everything that the containers of the pod need; may be called again to renew it.</summary>
    /// <exception cref="SandboxException">A volume names something that does not exist, or that the sandbox cannot offer.</exception>
    public async Task WriteAsync(IReadOnlyList<string> addresses, CancellationToken ct)
    {
        Directory.CreateDirectory(Secrets);
        Write(Path.Combine(_folder, "resolv.conf"), ResolvConf());
        Write(Path.Combine(_folder, "hosts"), Hosts(addresses));
        await RenewAsync(ct);
        foreach (var mount in Mounts().Where(mount => InSecrets(mount.MountPath) is not null))
        {
            Directory.CreateDirectory(Path.Combine(Secrets, InSecrets(mount.MountPath)!));
        }
    }

    /// <summary>Writes tokens, configuration maps and secrets anew.</summary>
    public async Task RenewAsync(CancellationToken ct)
    {
        if (pod.Spec?.AutomountServiceAccountToken != false)
        {
            Directory.CreateDirectory(ServiceAccount);
            Write(Path.Combine(ServiceAccount, "ca.crt"), node.ApiServerRoots);
            Write(Path.Combine(ServiceAccount, "namespace"), pod.Metadata.Namespace ?? "");
            Write(Path.Combine(ServiceAccount, "token"), await TokenAsync(null, TokenSeconds, ct));
        }

        foreach (var volume in pod.Spec?.Volumes ?? [])
        {
            await FillAsync(volume, ct);
        }
    }

    /// <summary>What a container has to see: source and target.</summary>
    public IReadOnlyList<(string Source, string Target)> MountsOf(Container container)
    {
        var mounts = new List<(string, string)>
        {
            (Path.Combine(_folder, "resolv.conf"), "/etc/resolv.conf"),
            (Path.Combine(_folder, "hosts"), "/etc/hosts"),
            (Secrets, SecretsMountPoint.Path),
        };
        foreach (var mount in container.VolumeMounts ?? [])
        {
            var source = Path.Combine(SourceOf(mount), mount.SubPath ?? "");
            var target = InSecrets(mount.MountPath) is { } below ? Path.Combine(SecretsMountPoint.Path, below) : mount.MountPath;
            if (InSecrets(mount.MountPath) is null && !Path.Exists(target))
            {
                throw new SandboxException($"Container {container.Name}: {target} does not exist on this machine, whose files pods share. Mount the volume at a path that exists, or below /var/run/secrets.");
            }

            mounts.Add((source, target));
        }

        return mounts;
    }

    /// <summary>Takes the pod's files away.</summary>
    public void Delete()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private IEnumerable<VolumeMount> Mounts() =>
        (pod.Spec?.InitContainers ?? []).Concat(pod.Spec?.Containers ?? []).SelectMany(container => container.VolumeMounts ?? []);

    private string SourceOf(VolumeMount mount)
    {
        var volume = (pod.Spec?.Volumes ?? []).FirstOrDefault(volume => volume.Name == mount.Name)
            ?? throw new SandboxException($"volumeMounts names the volume {mount.Name}, which the pod does not have. Add it to spec.volumes.");
        return volume.HostPath is { } host ? HostPath(host.Path) : VolumeFolder(volume);
    }

    /// <summary>Kernel file systems are the machine's; every other path of the node lies in the node's own folder.</summary>
    private string HostPath(string path)
    {
        if (path.StartsWith("/proc", StringComparison.Ordinal) || path.StartsWith("/sys", StringComparison.Ordinal)
            || path.StartsWith("/dev", StringComparison.Ordinal) || path.StartsWith("/var/run/netns", StringComparison.Ordinal))
        {
            return path;
        }

        var own = node.Folder + "/files" + path;
        Directory.CreateDirectory(own);
        return own;
    }

    private string VolumeFolder(Volume volume) => Path.Combine(_folder, "volumes", volume.Name);

    private async Task FillAsync(Volume volume, CancellationToken ct)
    {
        var folder = VolumeFolder(volume);
        Directory.CreateDirectory(folder);
        foreach (var source in volume.Projected?.Sources ?? [])
        {
            if (source.ServiceAccountToken is { } token)
            {
                Write(Path.Combine(folder, token.Path), await TokenAsync(token.Audience, token.ExpirationSeconds ?? TokenSeconds, ct));
            }

            await FillAsync(folder, source.ConfigMap, source.Secret, ct);
        }

        await FillAsync(folder, volume.ConfigMap, volume.Secret, ct);
    }

    private async Task FillAsync(string folder, ConfigMapVolume? map, SecretVolume? secret, CancellationToken ct)
    {
        var ns = pod.Metadata.Namespace;
        if (map is not null)
        {
            var found = await client.FindAsync(ResourceKinds.ConfigMaps, ns, map.Name, ct);
            Missing(found is null && map.Optional != true, "configmap", map.Name);
            WriteKeys(folder, map.Items, (found?.Data ?? new Dictionary<string, string>()).ToDictionary(entry => entry.Key, entry => Encoding.UTF8.GetBytes(entry.Value)));
        }

        if (secret is not null)
        {
            var name = secret.SecretName ?? secret.Name ?? "";
            var found = await client.FindAsync(ResourceKinds.Secrets, ns, name, ct);
            Missing(found is null && secret.Optional != true, "secret", name);
            WriteKeys(folder, secret.Items, (found?.Data ?? new Dictionary<string, string>()).ToDictionary(entry => entry.Key, entry => Convert.FromBase64String(entry.Value)));
        }
    }

    private void Missing(bool missing, string kind, string name)
    {
        if (missing)
        {
            throw new SandboxException($"{kind} {pod.Metadata.Namespace}/{name} does not exist yet. Create it; the pod starts as soon as it is there.");
        }
    }

    private static void WriteKeys(string folder, IReadOnlyList<KeyToPath>? items, Dictionary<string, byte[]> data)
    {
        foreach (var (key, value) in data)
        {
            var path = items is null ? key : items.FirstOrDefault(item => item.Key == key)?.Path;
            if (path is not null)
            {
                Write(Path.Combine(folder, path), value);
            }
        }
    }

    private async Task<string> TokenAsync(string? audience, long seconds, CancellationToken ct)
    {
        var status = await client.CreateTokenAsync(
            pod.Metadata.Namespace ?? "", pod.Spec?.ServiceAccountName ?? "default",
            new TokenRequestSpec
            {
                Audiences = audience is null ? null : [audience],
                ExpirationSeconds = seconds,
                BoundObjectRef = new ObjectReference { ApiVersion = "v1", Kind = "Pod", Name = pod.Metadata.Name, Uid = pod.Metadata.Uid },
            },
            ct);
        return status.Token ?? "";
    }

    private string ResolvConf()
    {
        var ns = pod.Metadata.Namespace;
        return $"nameserver {node.DnsAddress}\nsearch {ns}.svc.{Dns.ClusterDns.Zone} svc.{Dns.ClusterDns.Zone} {Dns.ClusterDns.Zone}\noptions ndots:5\n";
    }

    private string Hosts(IReadOnlyList<string> addresses)
    {
        var own = pod.Spec?.HostNetwork == true ? [node.Address] : addresses;
        var name = pod.Spec?.HostNetwork == true ? node.Name : pod.Metadata.Name;
        return "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n" + string.Concat(own.Select(address => $"{address}\t{name}\n"));
    }

    /// <summary>The part of a path below the secrets folder, or null for other paths.</summary>
    private static string? InSecrets(string path) =>
        SecretsPaths.Where(root => path == root || path.StartsWith(root + "/", StringComparison.Ordinal))
            .Select(root => path[root.Length..].TrimStart('/')).FirstOrDefault();

    private static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    /// <summary>In one step: a reader sees the old file or the new one.</summary>
    private static void Write(string path, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path + ".new", bytes);
        File.Move(path + ".new", path, overwrite: true);
    }
}
