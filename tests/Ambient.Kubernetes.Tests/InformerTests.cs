using System.Collections.Concurrent;
using Ambient.Api.Kubernetes;
using Microsoft.AspNetCore.Http;

namespace Ambient.Kubernetes.Tests;

/// <summary>What an informer does when the server misbehaves; with a good server it is tested beside the API server.</summary>
public sealed class InformerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly InformerOptions Quick = new()
    {
        PageSize = 2,
        FirstPause = TimeSpan.FromMilliseconds(10),
        LongestPause = TimeSpan.FromMilliseconds(20),
    };

    [Fact]
    public async Task A_list_that_fails_between_pages_deletes_nothing()
    {
        var lists = 0;
        var watches = 0;
        await using var server = await ScriptedServer.StartAsync(async context =>
        {
            var query = context.Request.Query;
            if (query.ContainsKey("watch"))
            {
                // The first watch says that its version is too old, so everything is listed again.
                if (Interlocked.Increment(ref watches) == 1)
                {
                    await context.Response.WriteAsync(Error410 + "\n");
                    return;
                }

                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }

            switch (Interlocked.Increment(ref lists))
            {
                case 1:
                    await context.Response.WriteAsync(Page("5", "next", "a", "b"));
                    break;
                case 2:
                    Assert.Equal("next", query["continue"]);
                    await context.Response.WriteAsync(Page("5", "", "c"));
                    break;
                case 3: // after the 410: the first page only, then the token is too old
                    await context.Response.WriteAsync(Page("9", "lost", "a"));
                    break;
                case 4:
                    context.Response.StatusCode = 410;
                    await context.Response.WriteAsync(
                        """{"kind":"Status","code":410,"reason":"Expired","message":"The provided continue parameter is too old"}""");
                    break;
                default:
                    await context.Response.WriteAsync(Page("12", "", "a", "c", "d"));
                    break;
            }
        });
        var events = await RunAsync(server, informer => informer.Get("ns", "d") is not null);
        Assert.Equal(["+a", "+b", "+c", "+d", "-b"], events);
    }

    [Fact]
    public async Task A_dropped_watch_goes_on_where_it_stopped_bookmarks_included()
    {
        var watches = 0;
        await using var server = await ScriptedServer.StartAsync(async context =>
        {
            if (!context.Request.Query.ContainsKey("watch"))
            {
                await context.Response.WriteAsync(Page("5", "", "a"));
                return;
            }

            switch (Interlocked.Increment(ref watches))
            {
                case 1:
                    await context.Response.WriteAsync(Event("MODIFIED", "a", "6") + Event("BOOKMARK", "", "8"));
                    await context.Response.Body.FlushAsync();
                    // A reset throws away what the client has not read yet, so it is given time to.
                    await Task.Delay(500);
                    context.Abort();
                    break;
                case 2:
                    await context.Response.WriteAsync(Event("DELETED", "a", "9") + Event("ADDED", "b", "10"));
                    break; // the server ends the watch in good order
                default:
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                    break;
            }
        });
        var events = await RunAsync(server, informer => informer.Get("ns", "b") is not null && watches >= 3);
        Assert.Equal(["+a", "~a", "-a", "+b"], events);
        Assert.Contains("resourceVersion=8&", server.Requests.Where(IsWatch).ElementAt(1), StringComparison.Ordinal);
        Assert.Contains("resourceVersion=10&", server.Requests.Where(IsWatch).ElementAt(2), StringComparison.Ordinal);
        Assert.Single(server.Requests, request => !IsWatch(request));
    }

    [Fact]
    public async Task A_silent_watch_is_taken_for_dead()
    {
        var watches = 0;
        await using var server = await ScriptedServer.StartAsync(async context =>
        {
            if (!context.Request.Query.ContainsKey("watch"))
            {
                await context.Response.WriteAsync(Page("5", ""));
                return;
            }

            await context.Response.Body.FlushAsync();
            if (Interlocked.Increment(ref watches) == 2)
            {
                await context.Response.WriteAsync(Event("ADDED", "a", "6"));
                await context.Response.Body.FlushAsync();
            }

            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        var events = await RunAsync(
            server, informer => informer.Get("ns", "a") is not null, Quick with { SilenceLimit = TimeSpan.FromMilliseconds(200) });
        Assert.Equal(["+a"], events);
    }

    [Fact]
    public async Task An_object_made_again_under_the_same_name_is_a_deletion_and_an_addition()
    {
        var lists = 0;
        await using var server = await ScriptedServer.StartAsync(async context =>
        {
            if (context.Request.Query.ContainsKey("watch"))
            {
                if (Volatile.Read(ref lists) == 1)
                {
                    await context.Response.WriteAsync(Error410 + "\n");
                    return;
                }

                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }

            var again = Interlocked.Increment(ref lists) > 1;
            await context.Response.WriteAsync(Page(again ? "9" : "5", "", "a").Replace("uid-a", again ? "uid-2" : "uid-1"));
        });
        var events = await RunAsync(server, informer => informer.Get("ns", "a")?.Metadata.Uid == "uid-2");
        Assert.Equal(["+a", "-a", "+a"], events);
    }

    [Fact]
    public async Task A_failing_handler_does_not_keep_others_from_events()
    {
        await using var server = await ScriptedServer.StartAsync(async context =>
        {
            if (context.Request.Query.ContainsKey("watch"))
            {
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }

            await context.Response.WriteAsync(Page("5", "", "a"));
        });
        using var client = server.Client();
        var informer = new Informer<ConfigMap>(client, ResourceKinds.ConfigMaps, Quick);
        var seen = new ConcurrentQueue<string>();
        informer.Subscribe(_ => throw new InvalidOperationException("broken"));
        informer.Subscribe(change => seen.Enqueue(change.Object.Metadata.Name));
        using var stop = new CancellationTokenSource();
        var running = informer.RunAsync(stop.Token);
        await informer.SyncedAsync.WaitAsync(Patience);
        var late = new List<string>();
        informer.Subscribe(change => late.Add(change.Object.Metadata.Name));
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(["a"], seen);
        Assert.Equal(["a"], late);
    }

    private const string Error410 =
        """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}""";

    private static bool IsWatch(string request) => request.Contains("watch=true", StringComparison.Ordinal);

    private static string Page(string version, string next, params string[] names)
    {
        var items = names.Select(Item);
        return $$$"""{"metadata":{"resourceVersion":"{{{version}}}","continue":"{{{next}}}"},"items":[{{{string.Join(',', items)}}}]}""";
    }

    /// <summary>An object that is the same in each list.</summary>
    private static string Item(string name) =>
        $$$"""{"metadata":{"name":"{{{name}}}","namespace":"ns","uid":"uid-{{{name}}}","resourceVersion":"1"} }""";

    private static string Event(string type, string name, string version) =>
        $$$"""{"type":"{{{type}}}","object":{"metadata":{"name":"{{{name}}}","namespace":"ns","uid":"uid-{{{name}}}","resourceVersion":"{{{version}}}"} } }""" + "\n";

    private static async Task<string[]> RunAsync(ScriptedServer server, Func<Informer<ConfigMap>, bool> until, InformerOptions? options = null)
    {
        using var client = server.Client();
        var informer = new Informer<ConfigMap>(client, ResourceKinds.ConfigMaps, options ?? Quick);
        var events = new ConcurrentQueue<string>();
        informer.Subscribe(change => events.Enqueue(change.Type switch
        {
            ResourceEventType.Added => "+",
            ResourceEventType.Deleted => "-",
            _ => "~",
        } + change.Object.Metadata.Name));
        using var stop = new CancellationTokenSource();
        var running = informer.RunAsync(stop.Token);
        var end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!until(informer))
        {
            Assert.True(Environment.TickCount64 < end, $"Waited too long. Events: {string.Join(' ', events)}. Requests: {string.Join(' ', server.Requests)}");
            await Task.Delay(5);
        }

        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        // Within one list the order of different objects is free, so each run of equal kinds is sorted.
        return [.. Runs(events).SelectMany(run => run.Order(StringComparer.Ordinal))];
    }

    private static IEnumerable<List<string>> Runs(IEnumerable<string> events)
    {
        var run = new List<string>();
        foreach (var item in events)
        {
            if (run.Count > 0 && run[0][0] != item[0])
            {
                yield return run;
                run = [];
            }

            run.Add(item);
        }

        yield return run;
    }
}
