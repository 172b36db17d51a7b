using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Ambient.Kubernetes;

/// <summary>Reads the kubeconfig format: clusters, users and contexts by name, files by path or inline as base64.</summary>
internal static class KubeConfigParser
{
    public static KubeConfig Parse(string yaml, string path, string? context)
    {
        if (Manifests.Parse(yaml, path) is not [var root])
        {
            throw new FormatException($"{path}: expected one YAML document.");
        }

        context ??= Text(root, "current-context")
            ?? throw new FormatException($"{path}: current-context is not set; name a context.");
        var contextBody = Entry(root, "contexts", context, "context", path);
        var clusterName = Text(contextBody, "cluster")
            ?? throw new FormatException($"{path}: context {context} names no cluster.");
        var cluster = Entry(root, "clusters", clusterName, "cluster", path);
        var user = Text(contextBody, "user") is { } userName ? Entry(root, "users", userName, "user", path) : [];
        foreach (var unsupported in new[] { "exec", "auth-provider", "username" })
        {
            if (user.ContainsKey(unsupported))
            {
                throw new FormatException(
                    $"{path}: user {Text(contextBody, "user")} authenticates by {unsupported}, which is not supported; use a token, tokenFile or client certificate.");
            }
        }

        var server = Text(cluster, "server")
            ?? throw new FormatException($"{path}: cluster {clusterName} has no server.");
        return new KubeConfig
        {
            Server = Uri.TryCreate(server, UriKind.Absolute, out var uri)
                ? uri
                : throw new FormatException($"{path}: cluster {clusterName}: server {server} is not an absolute URL."),
            CertificateAuthorities = Roots(cluster, path),
            InsecureSkipTlsVerify = (bool?)cluster["insecure-skip-tls-verify"] ?? false,
            TlsServerName = Text(cluster, "tls-server-name"),
            ClientCertificate = ClientCertificate(user, path),
            Token = Text(user, "token"),
            TokenFile = Text(user, "tokenFile") is { } file ? Resolve(file, path) : null,
            Namespace = Text(contextBody, "namespace") ?? "default",
        };
    }

    private static X509Certificate2Collection? Roots(JsonObject cluster, string path)
    {
        if (Pem(cluster, "certificate-authority", path) is not { } pem)
        {
            return null;
        }

        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(pem);
        return roots.Count > 0 ? roots : throw new FormatException($"{path}: certificate-authority holds no certificate.");
    }

    private static X509Certificate2? ClientCertificate(JsonObject user, string path)
    {
        var certificate = Pem(user, "client-certificate", path);
        var key = Pem(user, "client-key", path);
        if (certificate is null && key is null)
        {
            return null;
        }

        return certificate is not null && key is not null
            ? X509Certificate2.CreateFromPem(certificate, key)
            : throw new FormatException($"{path}: client-certificate and client-key must come together.");
    }

    /// <summary>The text of <c>name-data</c> (base64), or of the file that <c>name</c> points to.</summary>
    private static string? Pem(JsonObject owner, string name, string path)
    {
        if (Text(owner, $"{name}-data") is { Length: > 0 } data)
        {
            try
            {
                return Encoding.UTF8.GetString(Convert.FromBase64String(data));
            }
            catch (FormatException error)
            {
                throw new FormatException($"{path}: {name}-data is not base64.", error);
            }
        }

        return Text(owner, name) is { Length: > 0 } file ? File.ReadAllText(Resolve(file, path)) : null;
    }

    private static JsonObject Entry(JsonObject root, string list, string name, string body, string path) =>
        (root[list] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(entry => Text(entry, "name") == name)?[body] as JsonObject
        ?? throw new FormatException($"{path}: {list} has no entry named {name}.");

    private static string Resolve(string file, string path) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, file);

    private static string? Text(JsonObject owner, string name) =>
        owner[name] is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0 ? text : null;
}
