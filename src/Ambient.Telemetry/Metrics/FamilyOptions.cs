namespace Ambient.Telemetry.Metrics;

/// <summary>How a family of series is labelled and bounded.</summary>
public sealed record FamilyOptions
{
    /// <summary>Label names, in the order in which they are written.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>How many of the last <see cref="Labels"/> a series may leave out, all of them together.</summary>
    public int OptionalLabels { get; init; }

    /// <summary>
    /// Labels of few values (enumerations) that the collective series of overflow and of retired series keep, so that
    /// sums by them stay right. The other labels read <c>overflow</c> or <c>retired</c> there.
    /// </summary>
    public IReadOnlyList<string> LabelsKeptInTotals { get; init; } = [];

    /// <summary>
    /// Writes a counter without the suffix <c>_total</c>, for names that dashboards know without; its type is not declared to OpenMetrics,
    /// which would not allow it.
    /// </summary>
    public bool BareCounterName { get; init; }

    /// <summary>
    /// Most series that live at a time; what comes beyond is counted in the family's overflow series. The default keeps a family
    /// of 27 labels (about 1 KB of text a series) below 10 MB a scrape, a tenth of what scrapers commonly allow.
    /// </summary>
    public int MaxSeries { get; init; } = 8192;

    /// <summary>
    /// A series that did not change for this long is retired: its total moves to the family's retired series. The default is
    /// six times the look-back of Prometheus queries, so no graph sees a gap in a series that is in use.
    /// </summary>
    public TimeSpan IdleTime { get; init; } = TimeSpan.FromMinutes(30);
}
