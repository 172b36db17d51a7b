using System.Security.Cryptography.X509Certificates;

namespace Ambient.Kubernetes;

/// <summary>Where the API server is and how to be believed there.</summary>
public sealed record KubeConfig
{
    /// <summary>Where a pod finds its own credentials.</summary>
    private const string ServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>The base address, e.g. <c>https://10.96.0.1:443</c>.</summary>
    public required Uri Server { get; init; }

    /// <summary>Roots that vouch for the server; null means the machine's own.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Accept any server certificate; only for experiments.</summary>
    public bool InsecureSkipTlsVerify { get; init; }

    /// <summary>The name to check the server's certificate against, when it is not the one in the address.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>A certificate with private key that identifies us.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>A fixed bearer token.</summary>
    public string? Token { get; init; }

    /// <summary>A file that holds the bearer token and is rewritten before the token expires.</summary>
    public string? TokenFile { get; init; }

    /// <summary>The namespace of requests that name none; <c>default</c> when absent.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>Reads a kubeconfig file; relative paths inside are relative to its folder.</summary>
    /// <param name="path">The file.</param>
    /// <param name="context">A context of the file; null means its current one.</param>
    public static KubeConfig Load(string path, string? context = null) =>
        KubeConfigParser.Parse(File.ReadAllText(path), path, context);

    /// <summary>Reads the text of a kubeconfig; relative paths inside are relative to the working directory.</summary>
    public static KubeConfig Parse(string yaml, string? context = null) =>
        KubeConfigParser.Parse(yaml, Path.GetFullPath("kubeconfig"), context);

    /// <summary>Whether this process runs in a pod that was given credentials.</summary>
    public static bool IsInCluster(string? folder = null) =>
        Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is { Length: > 0 }
        && File.Exists(Path.Combine(folder ?? ServiceAccountFolder, "token"));

    /// <summary>The credentials that the kubelet mounts into every pod. The token file is read again as it is rotated.</summary>
    /// <param name="folder">Where <c>token</c>, <c>ca.crt</c> and <c>namespace</c> lie; null means the usual mount.</param>
    public static KubeConfig InCluster(string? folder = null)
    {
        folder ??= ServiceAccountFolder;
        var host = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST");
        var port = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT") ?? "443";
        if (string.IsNullOrEmpty(host))
        {
            throw new InvalidOperationException(
                "Not in a cluster: KUBERNETES_SERVICE_HOST is not set. Set KUBECONFIG to a kubeconfig file, or run in a pod.");
        }

        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(Path.Combine(folder, "ca.crt"));
        var namespaceFile = Path.Combine(folder, "namespace");
        return new KubeConfig
        {
            Server = new Uri($"https://{(host.Contains(':') ? $"[{host}]" : host)}:{port}"),
            CertificateAuthorities = roots,
            TokenFile = Path.Combine(folder, "token"),
            Namespace = File.Exists(namespaceFile) ? File.ReadAllText(namespaceFile).Trim() : "default",
        };
    }

    /// <summary>KUBECONFIG if set, else the pod's credentials, else <c>~/.kube/config</c>.</summary>
    public static KubeConfig Default()
    {
        if (Environment.GetEnvironmentVariable("KUBECONFIG") is { Length: > 0 } path)
        {
            return Load(path.Split(':', StringSplitOptions.RemoveEmptyEntries)[0]);
        }

        return IsInCluster()
            ? InCluster()
            : Load(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config"));
    }
}
