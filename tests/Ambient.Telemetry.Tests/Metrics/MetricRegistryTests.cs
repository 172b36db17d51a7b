using System.Globalization;
using Ambient.Telemetry.Metrics;

namespace Ambient.Telemetry.Tests.Metrics;

public sealed class MetricRegistryTests
{
    private readonly ManualTime _time = new();
    private readonly MetricRegistry _registry;

    public MetricRegistryTests() => _registry = new MetricRegistry(_time);

    [Fact]
    public async Task Families_without_series_are_left_out()
    {
        _registry.Counter("a", "never counted");
        _registry.Gauge("b", "never set", new FamilyOptions { Labels = ["x"] });
        Assert.Equal("# EOF\n", await _registry.TextAsync());
        Assert.Equal("", await _registry.TextAsync(ExpositionFormat.PrometheusText));
    }

    [Fact]
    public async Task Each_format_names_counters_its_own_way_and_escapes_what_it_must()
    {
        _registry.Counter("hits", "Hits of \"it\"\nand \\", new FamilyOptions { Labels = ["who", "where"] })
            .With("a\"b\\c\nd", "é").Add(3);
        Assert.Equal(
            "# HELP hits Hits of \\\"it\\\"\\nand \\\\\n# TYPE hits counter\nhits_total{who=\"a\\\"b\\\\c\\nd\",where=\"é\"} 3\n# EOF\n",
            await _registry.TextAsync());
        Assert.Equal(
            "# HELP hits_total Hits of \"it\"\\nand \\\\\n# TYPE hits_total counter\nhits_total{who=\"a\\\"b\\\\c\\nd\",where=\"é\"} 3\n",
            await _registry.TextAsync(ExpositionFormat.PrometheusText));
    }

    [Fact]
    public async Task A_histogram_counts_into_cumulative_buckets()
    {
        var family = _registry.Histogram("time_seconds", "", [0.0005, 0.1, 5], new FamilyOptions { Labels = ["q"] });
        foreach (var value in new[] { 0.0005, 0.05, 0.06, 5.5, double.PositiveInfinity })
        {
            family.With("A").Observe(value);
        }

        family.With("B").Observe(0.25);
        Assert.Equal(
            """
            # TYPE time_seconds histogram
            time_seconds_bucket{q="A",le="0.0005"} 1
            time_seconds_bucket{q="A",le="0.1"} 3
            time_seconds_bucket{q="A",le="5.0"} 3
            time_seconds_bucket{q="A",le="+Inf"} 5
            time_seconds_sum{q="A"} +Inf
            time_seconds_count{q="A"} 5
            time_seconds_bucket{q="B",le="0.0005"} 0
            time_seconds_bucket{q="B",le="0.1"} 0
            time_seconds_bucket{q="B",le="5.0"} 1
            time_seconds_bucket{q="B",le="+Inf"} 1
            time_seconds_sum{q="B"} 0.25
            time_seconds_count{q="B"} 1
            # EOF

            """,
            await _registry.TextAsync());
    }

    [Fact]
    public async Task Optional_labels_come_together_or_not_at_all()
    {
        var family = _registry.Counter("c", "", new FamilyOptions { Labels = ["a", "b", "c"], OptionalLabels = 2 });
        family.With("1").Add();
        family.With("1", "2", "3").Add();
        Assert.Equal("# TYPE c counter\nc_total{a=\"1\"} 1\nc_total{a=\"1\",b=\"2\",c=\"3\"} 1\n# EOF\n", await _registry.TextAsync());
        var wrong = Assert.Throws<ArgumentException>(() => family.With("1", "2"));
        Assert.Contains("Metric c has 3 labels (a, b, c)", wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "x")]
    [InlineData("1a", "x")]
    [InlineData("a-b", "x")]
    [InlineData("a_total", "x")]
    [InlineData("a", "le")]
    [InlineData("a", "__x")]
    [InlineData("a", "x y")]
    public void Bad_names_are_refused(string name, string label) =>
        Assert.Throws<ArgumentException>(() => _registry.Counter(name, "", new FamilyOptions { Labels = [label] }));

    [Fact]
    public void A_name_is_registered_once()
    {
        _registry.Counter("a", "");
        Assert.Contains("Metric a is registered already", Assert.Throws<InvalidOperationException>(() => _registry.Gauge("a", "")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_family_counts_newcomers_together_and_keeps_the_labels_that_matter()
    {
        var family = _registry.Counter(
            "c", "", new FamilyOptions { Labels = ["reporter", "pod"], LabelsKeptInTotals = ["reporter"], MaxSeries = 2 });
        for (var pod = 0; pod < 1000; pod++)
        {
            family.With(pod % 2 == 0 ? "source" : "destination", pod.ToString(CultureInfo.InvariantCulture)).Add();
        }

        Assert.Equal(
            """
            # TYPE c counter
            c_total{reporter="source",pod="0"} 1
            c_total{reporter="destination",pod="1"} 1
            c_total{reporter="source",pod="overflow"} 499
            c_total{reporter="destination",pod="overflow"} 499
            # EOF

            """,
            await _registry.TextAsync());
    }

    [Fact]
    public async Task Series_of_overflow_are_bounded_even_if_the_labels_to_keep_are_not()
    {
        var family = _registry.Counter("c", "", new FamilyOptions { Labels = ["id"], LabelsKeptInTotals = ["id"], MaxSeries = 1 });
        for (var id = 0; id < 5000; id++)
        {
            family.With(id.ToString(CultureInfo.InvariantCulture)).Add();
        }

        var lines = (await _registry.TextAsync()).Split('\n').Where(line => line.StartsWith("c_total", StringComparison.Ordinal)).ToList();
        Assert.InRange(lines.Count, 2, 66);
        Assert.Equal(5000, lines.Sum(line => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task An_idle_series_retires_with_its_total_and_a_busy_one_stays()
    {
        var family = _registry.Counter("c", "", new FamilyOptions { Labels = ["pod"], IdleTime = TimeSpan.FromMinutes(30) });
        var old = family.With("old");
        old.Add(5);
        var busy = family.With("busy");
        for (var minute = 0; minute < 40; minute += 10)
        {
            busy.Add(1);
            await _registry.TextAsync();
            _time.Advance(TimeSpan.FromMinutes(10));
        }

        Assert.Equal("# TYPE c counter\nc_total{pod=\"busy\"} 4\nc_total{pod=\"retired\"} 5\n# EOF\n", await _registry.TextAsync());

        // A holder of the retired series goes on counting, in a series of the same labels.
        old.Add(2);
        Assert.Equal("# TYPE c counter\nc_total{pod=\"busy\"} 4\nc_total{pod=\"old\"} 2\nc_total{pod=\"retired\"} 5\n# EOF\n", await _registry.TextAsync());
    }

    [Fact]
    public async Task Room_is_made_for_new_series_by_retiring_idle_ones_even_if_nobody_scrapes()
    {
        var family = _registry.Counter("c", "", new FamilyOptions { Labels = ["pod"], MaxSeries = 1, IdleTime = TimeSpan.FromMinutes(1) });
        family.With("old").Add(7);
        _time.Advance(TimeSpan.FromMinutes(1));
        family.With("sees-the-change").Add(1);
        _time.Advance(TimeSpan.FromMinutes(1));
        family.With("new").Add(3);
        var text = await _registry.TextAsync();
        Assert.Contains("c_total{pod=\"new\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("c_total{pod=\"retired\"} 7\n", text, StringComparison.Ordinal);
        Assert.Contains("c_total{pod=\"overflow\"} 1\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gauge_retires_only_at_zero()
    {
        var family = _registry.Gauge("g", "", new FamilyOptions { Labels = ["pod"], IdleTime = TimeSpan.FromMinutes(1) });
        var zero = family.With("zero");
        zero.Add(1);
        zero.Add(-1);
        family.With("one").Add(1);
        await _registry.TextAsync();
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal("# TYPE g gauge\ng{pod=\"one\"} 1\n# EOF\n", await _registry.TextAsync());
        zero.Add(1);
        Assert.Equal("# TYPE g gauge\ng{pod=\"one\"} 1\ng{pod=\"zero\"} 1\n# EOF\n", await _registry.TextAsync());
    }

    [Fact]
    public async Task A_histogram_retires_with_its_observations()
    {
        var family = _registry.Histogram("h", "", [1], new FamilyOptions { Labels = ["pod"], IdleTime = TimeSpan.FromMinutes(1) });
        var held = family.With("p");
        held.Observe(0.5);
        held.Observe(2);
        await _registry.TextAsync();
        _time.Advance(TimeSpan.FromHours(1));
        await _registry.TextAsync();
        held.Observe(4);
        var text = await _registry.TextAsync();
        Assert.Contains("h_count{pod=\"p\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("h_sum{pod=\"p\"} 4\n", text, StringComparison.Ordinal);
        Assert.Contains("h_count{pod=\"retired\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("h_sum{pod=\"retired\"} 2.5\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_lost_when_series_retire_while_threads_count()
    {
        const int Threads = 4;
        const int Each = 20_000;
        var family = _registry.Counter("c", "", new FamilyOptions { Labels = ["pod"], IdleTime = TimeSpan.Zero, MaxSeries = 3 });
        var counting = Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            var held = family.With("held");
            for (var turn = 0; turn < Each; turn++)
            {
                held.Add();
                family.With((turn % 5).ToString(CultureInfo.InvariantCulture)).Add();
            }
        })).ToArray();
        var all = Task.WhenAll(counting);
        while (!all.IsCompleted)
        {
            await _registry.TextAsync();
        }

        await all.WaitAsync(TimeSpan.FromSeconds(30));
        var total = (await _registry.TextAsync()).Split('\n').Where(line => line.StartsWith("c_total", StringComparison.Ordinal))
            .Sum(line => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
        Assert.Equal(2L * Threads * Each, total);
    }

    [Fact]
    public void A_counter_does_not_go_down() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _registry.Counter("c", "").Single.Add(-1));

    [Fact]
    public async Task The_process_says_how_many_descriptors_it_has()
    {
        ProcessMetrics.Register(_registry, "ztunnel", "1.2.3");
        var before = await OpenDescriptorsAsync();
        using var files = new DisposableList<FileStream>();
        for (var index = 0; index < 300; index++)
        {
            files.Add(new FileStream("/dev/null", FileMode.Open));
        }

        // Other tests of this run open and close descriptors too, but not hundreds.
        Assert.InRange(await OpenDescriptorsAsync() - before, 200, 400);
        var text = await _registry.TextAsync();
        Assert.Contains("istio_build{component=\"ztunnel\",tag=\"1.2.3\"} 1\n", text, StringComparison.Ordinal);
        Assert.Matches(@"\nprocess_max_fds (\d+|\+Inf)\n", text);
    }

    private async Task<long> OpenDescriptorsAsync() => long.Parse(
        (await _registry.TextAsync()).Split('\n').Single(line => line.StartsWith("process_open_fds ", StringComparison.Ordinal)).Split(' ')[1],
        CultureInfo.InvariantCulture);

    private sealed class DisposableList<T> : List<T>, IDisposable
        where T : IDisposable
    {
        public void Dispose() => ForEach(item => item.Dispose());
    }
}
