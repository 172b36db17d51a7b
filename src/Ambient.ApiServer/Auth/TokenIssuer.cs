using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer.Auth;

/// <summary>Issues and reads the tokens of service accounts: JSON Web Tokens (RFC 7519) signed with RS256.</summary>
internal sealed class TokenIssuer : IDisposable
{
    private readonly RSA _key = RSA.Create(2048);
    private readonly ObjectStore _store;
    private readonly TimeProvider _time;
    private readonly string _keyId;

    public TokenIssuer(ObjectStore store, string issuer, IReadOnlyList<string> audiences, TimeProvider time)
    {
        _store = store;
        _time = time;
        Issuer = issuer;
        Audiences = audiences;
        _keyId = Base64Url.EncodeToString(SHA256.HashData(_key.ExportSubjectPublicKeyInfo()));
    }

    public string Issuer { get; }

    /// <summary>Audiences of tokens that ask for none, and those that the API itself accepts.</summary>
    public IReadOnlyList<string> Audiences { get; }

    /// <summary>Issues a token.</summary>
    /// <param name="account">The service account.</param>
    /// <param name="audiences">Whom it is for.</param>
    /// <param name="lifetime">How long it is good.</param>
    /// <param name="bound">The pod, secret or node with which it dies; null for none.</param>
    /// <param name="boundKind">The kind of that object.</param>
    public string Issue(StoredObject account, IReadOnlyList<string> audiences, TimeSpan lifetime, StoredObject? bound, string boundKind)
    {
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        var origin = new JsonObject
        {
            ["namespace"] = account.Namespace,
            ["serviceaccount"] = new JsonObject { ["name"] = account.Name, ["uid"] = account.Uid },
        };
        if (bound is not null)
        {
            origin[boundKind.ToLowerInvariant()] = new JsonObject { ["name"] = bound.Name, ["uid"] = bound.Uid };
            if (boundKind == "Pod" && bound.Field("spec.nodeName") is { Length: > 0 } node
                && _store.Find("/nodes", "", node) is { } host)
            {
                origin["node"] = new JsonObject { ["name"] = node, ["uid"] = host.Uid };
            }
        }

        var claims = new JsonObject
        {
            ["aud"] = new JsonArray([.. audiences.Select(audience => (JsonNode)audience)]),
            ["exp"] = now + (long)lifetime.TotalSeconds,
            ["iat"] = now,
            ["iss"] = Issuer,
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = origin,
            ["nbf"] = now,
            ["sub"] = $"system:serviceaccount:{account.Namespace}:{account.Name}",
        };
        var header = new JsonObject { ["alg"] = "RS256", ["kid"] = _keyId };
        var signed = $"{Part(header)}.{Part(claims)}";
        var signature = _key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    /// <summary>Who holds the token, and for which of the audiences it is good.</summary>
    /// <param name="token">The token.</param>
    /// <param name="audiences">The audiences that would do; empty means the API's own.</param>
    /// <param name="problem">Why it is not good.</param>
    public (User User, IReadOnlyList<string> Audiences)? Review(string token, IReadOnlyList<string> audiences, out string problem)
    {
        problem = "invalid bearer token";
        if (Claims(token) is not { } claims)
        {
            return null;
        }

        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        if (claims.NumberAt("exp") is not { } end || end < now || claims.NumberAt("nbf") > now)
        {
            problem = "[invalid bearer token, service account token has expired]";
            return null;
        }

        var wanted = audiences.Count > 0 ? audiences : Audiences;
        var given = (claims["aud"] as JsonArray)?.Select(item => item?.GetValue<string>() ?? "").ToList() ?? [];
        var both = wanted.Intersect(given).ToList();
        if (both.Count == 0)
        {
            problem = $"[invalid bearer token, token audiences [{Quoted(given)}] is invalid for the target audiences [{Quoted(wanted)}]]";
            return null;
        }

        if (Bound(claims) is { } reason)
        {
            problem = $"[invalid bearer token, {reason}]";
            return null;
        }

        problem = "";
        return (Owner(claims), both);
    }

    /// <summary>The public key as JSON Web Key Set (RFC 7517).</summary>
    public JsonObject KeySet()
    {
        var parameters = _key.ExportParameters(false);
        return new JsonObject
        {
            ["keys"] = new JsonArray(new JsonObject
            {
                ["use"] = "sig",
                ["kty"] = "RSA",
                ["kid"] = _keyId,
                ["alg"] = "RS256",
                ["n"] = Base64Url.EncodeToString(parameters.Modulus),
                ["e"] = Base64Url.EncodeToString(parameters.Exponent),
            }),
        };
    }

    public void Dispose() => _key.Dispose();

    private static string Part(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Json.Text(part)));

    private static string Quoted(IEnumerable<string> items) => string.Join(" ", items.Select(item => $"\"{item}\""));

    private JsonObject? Claims(string token)
    {
        var parts = token.Split('.');
        if (parts.Length != 3)
        {
            return null;
        }

        try
        {
            var header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0])) as JsonObject;
            return header.TextAt("alg") == "RS256"
                && _key.VerifyData(
                    Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"),
                    Base64Url.DecodeFromChars(parts[2]),
                    HashAlgorithmName.SHA256,
                    RSASignaturePadding.Pkcs1)
                ? JsonNode.Parse(Base64Url.DecodeFromChars(parts[1])) as JsonObject
                : null;
        }
        catch (Exception error) when (error is FormatException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Why what the token is bound to is gone; null when all of it lives.</summary>
    private string? Bound(JsonObject claims)
    {
        var origin = claims.Child("kubernetes.io");
        var ns = origin.TextAt("namespace") ?? "";
        foreach (var (claim, bucket) in new[] { ("serviceaccount", "/serviceaccounts"), ("pod", "/pods"), ("secret", "/secrets") })
        {
            if (origin[claim] is JsonObject reference
                && _store.Find(bucket, ns, reference.TextAt("name") ?? "")?.Uid != reference.TextAt("uid"))
            {
                return $"{claim} has been deleted";
            }
        }

        return null;
    }

    private static User Owner(JsonObject claims)
    {
        var origin = claims.Child("kubernetes.io");
        var extra = new Dictionary<string, IReadOnlyList<string>>
        {
            ["authentication.kubernetes.io/credential-id"] = [$"JTI={claims.TextAt("jti")}"],
        };
        foreach (var kind in new[] { "pod", "node" })
        {
            if (origin[kind] is JsonObject reference)
            {
                extra[$"authentication.kubernetes.io/{kind}-name"] = [reference.TextAt("name") ?? ""];
                extra[$"authentication.kubernetes.io/{kind}-uid"] = [reference.TextAt("uid") ?? ""];
            }
        }

        return new(
            claims.TextAt("sub") ?? "",
            ["system:serviceaccounts", $"system:serviceaccounts:{origin.TextAt("namespace")}", "system:authenticated"],
            origin.TextAt("serviceaccount", "uid") ?? "")
        { Extra = extra };
    }
}
