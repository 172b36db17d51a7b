using System.Text.Json.Nodes;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>What kubelets and controllers do, seen by pods outside of the mesh.</summary>
[Collection(MeshCollection.Name)]
public sealed class ClusterTests(MeshFixture mesh)
{
    [Fact]
    public async Task A_pod_gets_its_variables_files_init_containers_and_probes()
    {
        const string Manifest = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings, namespace: outside}
            data: {greeting: hello}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: everything, namespace: outside, labels: {tier: test}}
            spec:
              restartPolicy: Always
              terminationGracePeriodSeconds: 1
              volumes:
                - {name: settings, configMap: {name: settings}}
                - {name: shared, emptyDir: {}}
                - name: token
                  projected:
                    sources:
                      - serviceAccountToken: {path: vault-token, audience: vault}
              initContainers:
                - name: first
                  image: any
                  command: [sh, -c, 'cat /var/run/secrets/settings/greeting > /var/run/secrets/shared/out']
                  volumeMounts: &mounts
                    - {name: settings, mountPath: /var/run/secrets/settings}
                    - {name: shared, mountPath: /var/run/secrets/shared}
              containers:
                - name: main
                  image: any
                  command: [sh, -c, 'echo "$(NAME) $NODE $TIER $IP"; sleep 1000']
                  env:
                    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
                    - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
                    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
                  readinessProbe:
                    exec: {command: [test, -s, /var/run/secrets/shared/out]}
                  volumeMounts:
                    - {name: settings, mountPath: /var/run/secrets/settings}
                    - {name: shared, mountPath: /var/run/secrets/shared}
                    - {name: token, mountPath: /var/run/secrets/tokens}
                - name: server
                  image: ambient/echo
                  readinessProbe:
                    tcpSocket: {port: 9090}
            """;
        await mesh.KubectlOkAsync(Manifest.Replace(" &mounts", "", StringComparison.Ordinal), "apply", "-f", "-");
        try
        {
            await mesh.KubectlOkAsync(null, "wait", "-n", "outside", "--for=condition=Ready", "pod/everything", "--timeout=25s");
            var pod = JsonNode.Parse(await mesh.KubectlOkAsync(null, "get", "pod", "-n", "outside", "everything", "-o", "json"))!;
            Assert.Equal(
                $"everything {(string)pod["spec"]!["nodeName"]!} test {(string)pod["status"]!["podIP"]!}\n",
                await mesh.KubectlOkAsync(null, "logs", "-n", "outside", "everything", "-c", "main"));
            Assert.Equal("hello", await ExecAsync("everything", "cat /var/run/secrets/shared/out"));
            var token = (await ExecAsync("everything", "cat /var/run/secrets/tokens/vault-token")).Split('.');
            var claims = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(token[1].Replace('-', '+').Replace('_', '/').PadRight((token[1].Length + 3) / 4 * 4, '=')));
            Assert.Contains("\"vault\"", claims, StringComparison.Ordinal);
            Assert.Contains("system:serviceaccount:outside:default", claims, StringComparison.Ordinal);
            Assert.DoesNotContain("ambient.istio.io/redirection", pod.ToJsonString(), StringComparison.Ordinal);
        }
        finally
        {
            await mesh.KubectlOkAsync(null, "delete", "pod", "-n", "outside", "everything", "--wait=true", "--timeout=20s");
        }

        Assert.DoesNotContain(Directory.GetFiles(Names.NamespaceFolder), name => name.Contains("-outside-everything-", StringComparison.Ordinal) && name.Contains(mesh.Sandbox.Id, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_container_that_ends_is_started_again_and_counted()
    {
        await mesh.KubectlOkAsync("apiVersion: v1\nkind: Pod\nmetadata: {name: dies, namespace: outside}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: any, command: [sh, -c, 'sleep 0.2; exit 3']}]}\n", "apply", "-f", "-");
        try
        {
            await Wait.ForAsync(async () => await StatusAsync("dies") is { } status && (int)status["restartCount"]! >= 2 && (int?)status["lastState"]?["terminated"]?["exitCode"] == 3,
                TimeSpan.FromSeconds(15), "two restarts after exit code 3");
        }
        finally
        {
            await mesh.KubectlOkAsync(null, "delete", "pod", "-n", "outside", "dies", "--wait=true", "--timeout=20s");
        }
    }

    [Fact]
    public async Task A_deployment_scales_and_its_service_leads_to_every_ready_pod()
    {
        await mesh.KubectlOkAsync(null, "scale", "-n", "outside", "deployment/stranger", "--replicas=3");
        await mesh.KubectlOkAsync(null, "expose", "-n", "outside", "deployment/stranger", "--name=strangers", "--port=80", "--target-port=http");
        try
        {
            await mesh.KubectlOkAsync(null, "rollout", "status", "-n", "outside", "deployment/stranger", "--timeout=40s");
            var caller = (await mesh.KubectlOkAsync(null, "get", "pods", "-n", "outside", "-l", "app=stranger", "-o", "name")).Split('\n')[0].Split('/')[1];
            var seen = new HashSet<string>();
            await Wait.ForAsync(async () =>
            {
                var result = await Demo.DemoScene.CallAsync(mesh.Sandbox, "outside", caller, "http://strangers/", "x", default);
                seen.Add(Demo.DemoScene.Answer(result)?.Pod ?? "");
                return seen.Count(name => name.Length > 0) == 3;
            }, TimeSpan.FromSeconds(15), "all three pods to answer through the service, the caller itself among them");
            var nodes = (await mesh.KubectlOkAsync(null, "get", "pods", "-n", "outside", "-l", "app=stranger", "-o", "jsonpath={.items[*].spec.nodeName}")).Split(' ');
            Assert.Equal(3, nodes.Length);
        }
        finally
        {
            await mesh.KubectlOkAsync(null, "delete", "service", "-n", "outside", "strangers");
            await mesh.KubectlOkAsync(null, "scale", "-n", "outside", "deployment/stranger", "--replicas=1");
            await mesh.KubectlOkAsync(null, "rollout", "status", "-n", "outside", "deployment/stranger", "--timeout=30s");
            await mesh.Scene.LookAsync(default);
        }
    }

    private async Task<JsonNode?> StatusAsync(string pod) =>
        JsonNode.Parse(await mesh.KubectlOkAsync(null, "get", "pod", "-n", "outside", pod, "-o", "json"))!["status"]?["containerStatuses"]?[0];

    private Task<string> ExecAsync(string pod, string script) => mesh.ExecAsync("outside", pod, "main", script);
}
