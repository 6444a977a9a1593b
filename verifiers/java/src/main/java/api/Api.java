package api;

import claviger.Verifier;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.context.ServletWebServerInitializedEvent;
import org.springframework.context.annotation.Bean;
import org.springframework.context.event.EventListener;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** An API that takes access tokens, with Spring Boot. */
@SpringBootApplication
public class Api {
    public static void main(String[] args) {
        SpringApplication.run(Api.class, args);
        endWithInput();
    }

    /** It follows the feed from here until Spring closes it. */
    @Bean
    Verifier verifier(
            @Value("${ISSUER}") String issuer,
            @Value("${FEED_CLIENT_ID}") String clientId,
            @Value("${FEED_CLIENT_SECRET}") String clientSecret,
            @Value("${AUDIENCE:}") String audience,
            @Value("${MAX_STALE:30}") double maxStale,
            @Value("${WHEN_BLIND:refuse}") String whenBlind,
            @Value("${MAX_RECORDS:1000000}") int maxRecords) {
        return new Verifier.Builder(issuer, clientId, clientSecret)
            .audience(audience.isEmpty() ? null : audience)
            .maxStale(Duration.ofMillis((long) (maxStale * 1000)))
            .whenBlind(Verifier.WhenBlind.valueOf(whenBlind.toUpperCase()))
            .maxRecords(maxRecords)
            .build();
    }

    @Bean
    SecurityFilterChain security(HttpSecurity http, Verifier verifier) throws Exception {
        return http
            .authorizeHttpRequests(paths -> paths.requestMatchers("/health").permitAll().anyRequest().authenticated())
            .sessionManagement(session -> session.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
            .oauth2ResourceServer(server -> server
                .jwt(jwt -> jwt.decoder(verifier.decoder()))
                .authenticationEntryPoint(verifier.entryPoint()))
            .build();
    }

    @RestController
    static class Paths {
        private final Verifier verifier;

        Paths(Verifier verifier) {
            this.verifier = verifier;
        }

        @GetMapping("/")
        Map<String, String> home(@AuthenticationPrincipal Jwt token) {
            return Map.of("sub", token.getSubject());
        }

        @GetMapping("/health")
        Map<String, Boolean> health() {
            return Map.of("current", verifier.isCurrent());
        }
    }

    @EventListener
    void started(ServletWebServerInitializedEvent event) {
        System.out.println("listening on 127.0.0.1:" + event.getWebServer().getPort());
    }

    private static void endWithInput() {
        var reader = new Thread(() -> {
            try {
                System.in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException closed) {
                // That is an end as well.
            }
            System.exit(0);
        });
        reader.setDaemon(true);
        reader.start();
    }
}
