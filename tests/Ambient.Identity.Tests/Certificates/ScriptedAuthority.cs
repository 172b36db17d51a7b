using System.Threading.Channels;
using Ambient.Api;
using Ambient.Identity.Certificates;

namespace Ambient.Identity.Tests.Certificates;

/// <summary>An authority whose every answer the test gives by hand.</summary>
internal sealed class ScriptedAuthority(ManualTime time) : ICertificateAuthority, IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly TestAuthority _authority = new();
    private readonly Channel<Request> _requests = Channel.CreateBounded<Request>(100);

    public bool IsIdle => _requests.Reader.Count == 0;

    public async Task<WorkloadCertificate> IssueAsync(SpiffeId identity, CancellationToken cancellation)
    {
        var request = new Request(identity, new TaskCompletionSource<WorkloadCertificate>(TaskCreationOptions.RunContinuationsAsynchronously));
        await _requests.Writer.WriteAsync(request, cancellation);
        return await request.Answer.Task.WaitAsync(cancellation);
    }

    public async Task<Request> NextAsync() => await _requests.Reader.ReadAsync().AsTask().WaitAsync(Limit);

    /// <summary>Waits long enough for a request that should not come.</summary>
    public async Task<bool> StaysIdleAsync()
    {
        await Task.Delay(100);
        return IsIdle;
    }

    public WorkloadCertificate Issue(Request request, TimeSpan? lifetime = null)
    {
        var certificate = _authority.Certificate(
            request.Identity.ToString(), time.GetUtcNow(), time.GetUtcNow() + (lifetime ?? TimeSpan.FromHours(24)));
        request.Answer.SetResult(certificate);
        return certificate;
    }

    public void Dispose() => _authority.Dispose();

    internal sealed record Request(SpiffeId Identity, TaskCompletionSource<WorkloadCertificate> Answer)
    {
        public void Refuse(string why) => Answer.SetException(new CertificateException(why));
    }
}
