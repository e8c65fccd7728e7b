package shop.reports;

import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

@Configuration
public class ReportStorage {

    @Bean
    public AmazonS3 reports() {
        DefaultAWSCredentialsProviderChain chain = DefaultAWSCredentialsProviderChain.getInstance();
        return AmazonS3ClientBuilder.standard()
            .withRegion("ap-northeast-2")
            .withCredentials(new AWSStaticCredentialsProvider(chain.getCredentials()))
            .build();
    }
}
