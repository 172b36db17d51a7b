using System.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Grpc;

/// <summary>
/// Kestrel registers what its TLS needs only through a web host's builder; this one takes the registrations and builds no host, so
/// that a process has several servers and none of them listens to signals.
/// </summary>
internal sealed class KestrelServices : IWebHostBuilder
{
    private readonly ServiceCollection _services = new();

    public static ServiceProvider Create(ILoggerFactory loggers, Action<KestrelServerOptions> configure)
    {
        var builder = new KestrelServices();
        builder._services.AddLogging().AddSingleton(loggers).AddOptions().AddMetrics()
            .AddSingleton<DiagnosticSource>(_ => new DiagnosticListener("Microsoft.AspNetCore"));
        builder.UseKestrelCore().ConfigureServices(services => services.Configure(configure));
        return builder._services.BuildServiceProvider();
    }

    public IWebHostBuilder ConfigureServices(Action<IServiceCollection> configureServices)
    {
        configureServices(_services);
        return this;
    }

    public IWebHostBuilder ConfigureServices(Action<WebHostBuilderContext, IServiceCollection> configureServices)
    {
        configureServices(new WebHostBuilderContext(), _services);
        return this;
    }

#pragma warning disable ASPDEPR008 // The interface still asks for it.
    public IWebHost Build() => throw new NotSupportedException("There is no host here.");
#pragma warning restore ASPDEPR008

    public IWebHostBuilder ConfigureAppConfiguration(Action<WebHostBuilderContext, IConfigurationBuilder> configureDelegate) => this;

    public string? GetSetting(string key) => null;

    public IWebHostBuilder UseSetting(string key, string? value) => this;
}
