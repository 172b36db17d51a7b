using System.Text;
using Ambient.Hbone;
using Ambient.Mesh.Model;
using Ambient.Proxy.Connections;

namespace Ambient.Proxy.Headers;

/// <summary>
/// The <c>baggage</c> header: what a proxy tells its peer about the workload at its side. It informs telemetry, never authorization.
/// </summary>
public static class Baggage
{
    /// <summary>The name of the header.</summary>
    public const string Name = "baggage";

    /// <summary>Writes what is known of a workload.</summary>
    public static string Of(Workload workload)
    {
        var text = new StringBuilder(160);
        Add("k8s.cluster.name", workload.ClusterId);
        Add("k8s.namespace.name", workload.Namespace);
        Add(TypeKey(workload.Type), workload.WorkloadName);
        Add("service.name", workload.CanonicalName);
        Add("service.version", workload.CanonicalRevision);
        Add("cloud.region", workload.Locality.Region);
        Add("cloud.availability_zone", workload.Locality.Zone);
        return text.ToString();

        void Add(string key, string value)
        {
            if (value.Length > 0)
            {
                text.Append(text.Length == 0 ? "" : ",").Append(key).Append('=').Append(value);
            }
        }
    }

    /// <summary>All baggage headers as one text; null without any.</summary>
    public static string? Find(HeaderList headers)
    {
        string? text = null;
        foreach (var field in headers.AsSpan())
        {
            if (field.Name == Name)
            {
                text = text is null ? field.Value : $"{text},{field.Value}";
            }
        }

        return text;
    }

    /// <summary>
    /// Reads all baggage headers; later values win, unknown keys are passed over. A header with other than visible ASCII makes all
    /// of them worthless: nothing is read then.
    /// </summary>
    public static PartyDescription? Read(HeaderList headers)
    {
        PartyDescription? party = null;
        foreach (var field in headers.AsSpan())
        {
            if (field.Name != Name)
            {
                continue;
            }

            if (!IsVisible(field.Value))
            {
                return null;
            }

            foreach (var part in field.Value.AsSpan().Split(','))
            {
                party = Read(party ?? PartyDescription.Unknown, field.Value.AsSpan()[part]);
            }
        }

        return party;
    }

    private static PartyDescription Read(PartyDescription party, ReadOnlySpan<char> pair)
    {
        var equals = pair.IndexOf('=');
        if (equals < 0)
        {
            return party;
        }

        var rest = pair[(equals + 1)..];
        var end = rest.IndexOf('=');
        var value = end < 0 ? rest.ToString() : rest[..end].ToString();
        if (value.Length == 0)
        {
            value = null;
        }

        return pair[..equals] switch
        {
            "k8s.cluster.name" => party with { Cluster = value },
            "k8s.namespace.name" => party with { Namespace = value },
            "k8s.deployment.name" or "k8s.cronjob.name" or "k8s.pod.name" or "k8s.job.name" => party with { WorkloadName = value, App = value },
            "service.name" => party with { CanonicalService = value },
            "service.version" => party with { CanonicalRevision = value },
            "cloud.region" => party with { Region = value },
            "cloud.availability_zone" => party with { Zone = value },
            _ => party,
        };
    }

    private static string TypeKey(WorkloadType type) => type switch
    {
        WorkloadType.Deployment => "k8s.deployment.name",
        WorkloadType.Cronjob => "k8s.cronjob.name",
        WorkloadType.Job => "k8s.job.name",
        _ => "k8s.pod.name",
    };

    private static bool IsVisible(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
