using System.Security.Cryptography;

namespace Ambient.ControlPlane.Authority;

/// <summary>
/// An authority as files or secrets hold it: <c>ca-cert.pem</c>, <c>ca-key.pem</c>, <c>cert-chain.pem</c> and
/// <c>root-cert.pem</c>, or <c>tls.crt</c>, <c>tls.key</c> and <c>ca.crt</c> as cert-manager writes them.
/// </summary>
internal static class AuthorityFiles
{
    public const string Certificate = "ca-cert.pem";
    public const string Key = "ca-key.pem";
    private const string Chain = "cert-chain.pem";
    private const string Roots = "root-cert.pem";

    /// <summary>Reads an authority; null where there is no key at all.</summary>
    /// <param name="read">A file's text; null where it does not exist.</param>
    /// <param name="where">Names the place in messages.</param>
    /// <exception cref="AuthorityException">It is incomplete, or does not fit together.</exception>
    public static Issuer? Read(Func<string, string?> read, string where)
    {
        string[] names = read(Key) is not null ? [Certificate, Key, Chain, Roots] : ["tls.crt", "tls.key", "", "ca.crt"];
        if (read(names[1]) is not { Length: > 0 } key)
        {
            return null;
        }

        if (read(names[0]) is not { Length: > 0 } certificate)
        {
            throw new AuthorityException($"{where} has {names[1]} but no {names[0]}: add it, or take the key away");
        }

        try
        {
            var chain = names[2].Length == 0 ? certificate : read(names[2]) ?? "";
            return Issuer.FromPem(certificate, key, chain, read(names[3]) ?? "");
        }
        catch (CryptographicException error)
        {
            throw new AuthorityException($"the certificate authority in {where} cannot be used: {error.Message}", error);
        }
    }

    /// <summary>Reads an authority from a folder; null where the folder has no key.</summary>
    public static Issuer? ReadFolder(string folder) => Read(
        name =>
        {
            var path = Path.Combine(folder, name);
            return name.Length > 0 && File.Exists(path) ? File.ReadAllText(path) : null;
        },
        folder);
}

/// <summary>The authority's own certificate or key cannot be used; the message says what to do.</summary>
internal sealed class AuthorityException(string message, Exception? inner = null) : Exception(message, inner);
