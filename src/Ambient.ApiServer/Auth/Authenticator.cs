using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Auth;

/// <summary>Finds out who asks: by client certificate, by the administrator's token, or by a service account's token.</summary>
internal sealed class Authenticator(ServerCertificates certificates, TokenIssuer tokens, string adminToken)
{
    private readonly byte[] _adminToken = SHA256.HashData(Encoding.UTF8.GetBytes(adminToken));

    /// <summary>The user; a token that is not good is refused, no credentials at all are anonymous.</summary>
    public User Authenticate(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return ByToken(header["Bearer ".Length..].Trim());
        }

        if (header.Length > 0)
        {
            throw Refusal.Unauthorized();
        }

        return context.Connection.ClientCertificate is { } certificate ? ByCertificate(certificate) : User.Anonymous;
    }

    public User ByToken(string token)
    {
        if (IsAdminToken(token))
        {
            return User.Admin;
        }

        return tokens.Review(token, [], out _) is { } owner ? owner.User : throw Refusal.Unauthorized();
    }

    public bool IsAdminToken(string token) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(token)), _adminToken);

    private User ByCertificate(X509Certificate2 certificate)
    {
        if (!certificates.IsOurs(certificate))
        {
            throw Refusal.Unauthorized();
        }

        var names = certificate.SubjectName.EnumerateRelativeDistinguishedNames(reversed: false).ToList();
        var user = names.FirstOrDefault(name => name.GetSingleElementType().Value == "2.5.4.3")?.GetSingleElementValue() ?? "";
        var groups = names.Where(name => name.GetSingleElementType().Value == "2.5.4.10").Select(name => name.GetSingleElementValue() ?? "");
        return new(user, [.. groups, "system:authenticated"]);
    }
}
