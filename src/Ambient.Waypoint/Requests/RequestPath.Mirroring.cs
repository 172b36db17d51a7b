using Ambient.Http;
using Ambient.Mesh.Http;
using Ambient.Waypoint.Requests.Upstreams;

namespace Ambient.Waypoint.Requests;

/// <summary>Copies of requests whose answers nobody waits for.</summary>
internal sealed partial class RequestPath
{
    private int _mirrored;

    /// <summary>Begins the copies of a request whose body, if it has one, is in hand; a body longer than what is kept is not copied.</summary>
    private void BeginMirrors(RequestState request)
    {
        var mirrors = request.DecisionRef.Route!.Mirrors;
        for (var index = 0; index < mirrors.Length; index++)
        {
            if (!request.DecisionRef.IsMirrored(index) || mirrors[index].Service is not { } service)
            {
                continue;
            }

            if (_mirrored >= Plane.Settings.MostMirrored || !request.Replay.IsWhole)
            {
                Plane.Telemetry.NotMirrored.Single.Add();
                continue;
            }

            var head = new RequestHead();
            head.CopyFrom(request.Head);
            head.Authority = $"{head.Authority}-shadow"; // as Istio marks copies
            _mirrored++;
            _client.Own(MirrorAsync(head, request.Replay.Kept.ToArray(), mirrors[index], service));
        }
    }

    private async Task MirrorAsync(RequestHead head, byte[] body, Mirror mirror, string service)
    {
        try
        {
            var config = Plane.Waypoint.Current.FindService(service);
            var upstream = Plane.Upstreams.Of(new UpstreamKey(service, mirror.Port, mirror.Subset, IsWorkload: false));
            upstream.Follow(
                Plane.Mesh.Current,
                config?.TrafficFor(mirror.Port, mirror.Subset) ?? TrafficPolicy.Default,
                mirror.Subset is { } subset ? config?.FindSubset(subset)?.Workloads ?? [] : null,
                _dialer.Self,
                System.Net.IPAddress.Any,
                Loop.NowMilliseconds);
            if (upstream.Pick(_random, Loop.NowMilliseconds, null) is { } endpoint && upstream.Limits.TryBegin(upstream.Policy.Pool))
            {
                endpoint.Begin();
                try
                {
                    await MirrorAsync(head, body, upstream, endpoint);
                }
                finally
                {
                    endpoint.End();
                    upstream.Limits.Ended();
                }
            }
        }
        catch (Exception failure) when (failure is IOException or TimeoutException)
        {
            // Nobody waits for a copy, and its endpoint's own telemetry counts those that arrived.
        }
        finally
        {
            _mirrored--;
        }
    }

    private async Task MirrorAsync(RequestHead head, byte[] body, Upstream upstream, UpstreamEndpoint endpoint)
    {
        var pool = _client.PoolOf(endpoint);
        var version = upstream.VersionFor(head.Version);
        EndpointPool.Waiter? waiter = null;
        IClientExchange? exchange = null;
        using var deadline = Loop.After(Plane.Settings.MirrorTimeout, _ => Expire(), null);
        var connection = pool.TryRent(version);
        if (connection is null && (waiter = pool.Wait(version)) is not null)
        {
            connection = await waiter.Rented;
        }

        if (connection is null)
        {
            return;
        }

        try
        {
            exchange = connection.Http.Send(head, endStream: !head.HasBody);
            if (head.HasBody)
            {
                await exchange.RequestBody.WriteAsync(body);
                exchange.CompleteRequest();
            }

            var answer = await exchange.ResponseAsync();
            while (answer.HasBody)
            {
                var read = await exchange.ResponseBody.ReadAsync();
                exchange.ResponseBody.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    break;
                }
            }
        }
        finally
        {
            var over = exchange;
            exchange = null;
            over?.Dispose();
            pool.Return(connection);
        }

        void Expire()
        {
            waiter?.Cancel();
            exchange?.Abort();
        }
    }
}
