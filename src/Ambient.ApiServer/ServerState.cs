using Ambient.ApiServer.Auth;
using Ambient.ApiServer.Controllers;
using Ambient.ApiServer.Http;
using Ambient.ApiServer.Kinds;
using Ambient.ApiServer.Storage;

namespace Ambient.ApiServer;

/// <summary>What all requests share.</summary>
internal sealed class ServerState : IDisposable
{
    /// <summary>Versions count milliseconds since here at the start, so that a later life of the server begins higher.</summary>
    private static readonly DateTimeOffset Epoch = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public ServerState(ApiServerOptions options, string adminToken)
    {
        Options = options;
        Store = new ObjectStore((long)(options.Time.GetUtcNow() - Epoch).TotalMilliseconds);
        Types = new TypeRegistry(extra: options.Controllers);
        ServiceRanges = [.. options.ServiceRanges.Select(range => new AddressRange(range))];
        Certificates = new ServerCertificates(options.Time);
        Tokens = new TokenIssuer(Store, options.Issuer, options.Audiences, options.Time);
        Authenticator = new Authenticator(Certificates, Tokens, adminToken);
        Authorizer = new Authorizer(this);
        Writes = new Writes(this);
        Deletes = new Deletes(this);
        Controllers = new ControllerSet(this);
    }

    public ApiServerOptions Options { get; }

    public ObjectStore Store { get; }

    public TypeRegistry Types { get; }

    public IReadOnlyList<AddressRange> ServiceRanges { get; }

    public ServerCertificates Certificates { get; }

    public TokenIssuer Tokens { get; }

    public Authenticator Authenticator { get; }

    public Authorizer Authorizer { get; }

    public Writes Writes { get; }

    public Deletes Deletes { get; }

    public ControllerSet Controllers { get; }

    /// <summary>Ends with the server: watches and streams end with it.</summary>
    public CancellationTokenSource Stopping { get; } = new();

    /// <summary>Now, as the API writes it.</summary>
    public string Now() => Timestamps.Text(Options.Time.GetUtcNow());

    public void Dispose()
    {
        Tokens.Dispose();
        Certificates.Dispose();
        Stopping.Dispose();
    }
}

/// <summary>Times as the API writes them.</summary>
internal static class Timestamps
{
    public static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
