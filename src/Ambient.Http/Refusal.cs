namespace Ambient.Http;

/// <summary>
/// A request that was refused for its form: counted and logged by the owner, with Istio's response flag DPE (downstream protocol error).
/// The words never go to the client.
/// </summary>
/// <param name="Reason">What is wrong.</param>
/// <param name="Words">The same in words, with the place if there is one to name.</param>
public readonly record struct Refusal(RefusalReason Reason, string Words)
{
    /// <summary>The status that the client gets.</summary>
    public int Status => Reason switch
    {
        RefusalReason.Version => 426,
        RefusalReason.Connect or RefusalReason.AsteriskTarget => 404,
        RefusalReason.TransferEncoding => 501,
        RefusalReason.Upgrade => 403,
        RefusalReason.HeadTooLarge or RefusalReason.TooManyFields => 431,
        RefusalReason.HeadTimeout or RefusalReason.BodyTimeout => 408,
        _ => 400,
    };

    /// <summary>Istio's response flag, or empty where Envoy sets none.</summary>
    public string Flag => Reason switch
    {
        RefusalReason.Path or RefusalReason.HostMissing or RefusalReason.ConnectionField or RefusalReason.Upgrade
            or RefusalReason.AsteriskTarget or RefusalReason.HeadTimeout => "",
        RefusalReason.Connect => "NR",
        _ => "DPE",
    };
}
