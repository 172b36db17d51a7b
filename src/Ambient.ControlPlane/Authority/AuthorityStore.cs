using System.Text;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Authority;

/// <summary>
/// Finds the authority: plugged-in files, else the secret <c>cacerts</c>, else one of our own that is kept in
/// <c>istio-ca-secret</c>. A self-signed root is renewed with the same key in the last fifth of its life, so that nothing that
/// it signed loses its worth.
/// </summary>
internal sealed class AuthorityStore(KubernetesClient client, AuthorityOptions options, ILogger logger, TimeProvider time)
{
    public const string PluggedInSecret = "cacerts";
    public const string SelfSignedSecret = "istio-ca-secret";
    private const string SelfSignedSecretType = "istio.io/ca-root";
    private const double RenewedPart = 0.2;

    /// <summary>Tries that a race between replicas may cost: each loser reads what the winner wrote.</summary>
    private const int Tries = 5;

    /// <summary>The authority as it is now; makes one if there is none.</summary>
    /// <exception cref="AuthorityException">There is one, but it cannot be used.</exception>
    public async Task<Issuer> LoadAsync(CancellationToken cancellation)
    {
        if (AuthorityFiles.ReadFolder(options.Folder) is { } plugged)
        {
            return plugged;
        }

        if (await FindAsync(PluggedInSecret, cancellation) is { } secret && Read(secret) is { } pluggedSecret)
        {
            return pluggedSecret;
        }

        return await SelfSignedAsync(cancellation);
    }

    /// <summary>Keeps an authority up to date until cancelled. What cannot be read leaves the last good one in place.</summary>
    public async Task KeepAsync(CertificateAuthority authority, Action changed, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(options.CheckInterval, time);
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            try
            {
                var found = await LoadAsync(cancellation);
                if (found.Certificate.Thumbprint != authority.Issuer.Certificate.Thumbprint || found.RootsPem != authority.Issuer.RootsPem)
                {
                    authority.Issuer = found;
                    Log.AuthorityChanged(logger, found.Certificate.Subject, found.NotAfter);
                    changed();
                }
            }
            catch (Exception error) when (error is AuthorityException or IOException or HttpRequestException or UnauthorizedAccessException)
            {
                Log.AuthorityUnreadable(logger, error);
            }
        }
    }

    private async Task<Issuer> SelfSignedAsync(CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var secret = await FindAsync(SelfSignedSecret, cancellation);
                if (secret is null)
                {
                    return await CreateAsync(cancellation);
                }

                var issuer = Read(secret) ?? throw new AuthorityException(
                    $"secret {options.Namespace}/{SelfSignedSecret} holds no {AuthorityFiles.Key}: restore it, or delete the secret to have a new root made");
                return IsDue(issuer) ? await RenewAsync(secret, issuer, cancellation) : issuer;
            }
            catch (KubernetesException error) when (attempt < Tries && (error.IsConflict || error.IsAlreadyExists))
            {
                // Another replica was first; what it wrote is as good as ours.
                Log.AuthorityRace(logger, error.Message);
            }
        }
    }

    private bool IsDue(Issuer issuer)
    {
        var life = issuer.NotAfter - issuer.NotBefore;
        return time.GetUtcNow() > issuer.NotAfter - (life * RenewedPart);
    }

    private async Task<Issuer> CreateAsync(CancellationToken cancellation)
    {
        var issuer = SelfSign(IssuerKey.Create());
        var secret = new Secret
        {
            Metadata = new ObjectMeta { Name = SelfSignedSecret, Namespace = options.Namespace },
            Type = SelfSignedSecretType,
            Data = new Dictionary<string, string>
            {
                [AuthorityFiles.Certificate] = Base64(Issuer.Pem(issuer.Certificate)),
                [AuthorityFiles.Key] = Base64(issuer.Key.ExportPem()),
            },
        };
        await client.CreateAsync(ResourceKinds.Secrets, secret, cancellation);
        Log.AuthorityCreated(logger, issuer.Certificate.Subject, issuer.NotAfter);
        return issuer;
    }

    private async Task<Issuer> RenewAsync(Secret secret, Issuer issuer, CancellationToken cancellation)
    {
        var renewed = SelfSign(issuer.Key);
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["resourceVersion"] = secret.Metadata.ResourceVersion },
            ["data"] = new JsonObject { [AuthorityFiles.Certificate] = Base64(Issuer.Pem(renewed.Certificate)) },
        };
        await client.PatchAsync(ResourceKinds.Secrets, options.Namespace, SelfSignedSecret, patch, PatchType.Merge, null, cancellation);
        return renewed;
    }

    private Issuer SelfSign(IssuerKey key)
    {
        var now = time.GetUtcNow();
        return Issuer.SelfSigned(key, options.TrustDomain, now - options.Lifetimes.Backdating, now + options.RootLifetime);
    }

    private Task<Secret?> FindAsync(string name, CancellationToken cancellation) =>
        client.FindAsync(ResourceKinds.Secrets, options.Namespace, name, cancellation);

    private Issuer? Read(Secret secret)
    {
        var where = $"secret {options.Namespace}/{secret.Metadata.Name}";
        return AuthorityFiles.Read(
            name => secret.Data?.GetValueOrDefault(name) is { Length: > 0 } value ? Text(value, name, where) : null,
            where);
    }

    private static string Text(string base64, string name, string where)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(base64));
        }
        catch (FormatException error)
        {
            throw new AuthorityException($"{name} of {where} is not base64", error);
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
